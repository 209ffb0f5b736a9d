using System.Globalization;
using System.Numerics;
using Vae.Shared.Messages;

namespace Vae.Shared.Sweeps;

/// <summary>How much of a model's latent space has collapsed onto the prior.</summary>
public enum CollapseLevel
{
    /// <summary>At most half of the units are inactive: a model keeps what it needs.</summary>
    None,

    /// <summary>More than half are inactive, or all of one layer of a ladder.</summary>
    Partial,

    /// <summary>All are: the decoder ignores the latents.</summary>
    Full,
}

/// <summary>
/// Posterior collapse (Bowman et al. 2016; Lucas et al. 2019) in words. A unit is inactive when its mean KL over the held-out rows is below <see cref="InactiveKl"/>: its posterior is the prior, whatever the row.
/// Pure, so that the command line, the HTTP interface and a worker say the same.
/// </summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Inactive">Units that are inactive.</param>
/// <param name="Units">All units.</param>
/// <param name="Remedies">What to set, the likeliest first; empty where nothing is to be done.</param>
public sealed record CollapseDiagnosis(CollapseLevel Level, int Inactive, int Units, ValueList<string> Remedies)
{
    /// <summary>Of a codebook: how many codes, equally often used, would be as hard to guess. Units are then codes, and inactive is one that no row used. Null for models with continuous latents.</summary>
    public double? Perplexity { get; init; }

    /// <summary>Nats per row below which a unit counts as inactive.</summary>
    public const double InactiveKl = 0.01;

    private const double FreeBits = 0.1;
    private const double Revival = 1; // A code is dead once it is chosen less than once in a batch.
    private const double Decay = 0.95;
    private const double WarmupEpochs = 10; // He et al. 2019 begin at a tenth of the weight and rise over 10 epochs.

    /// <summary>Of a ladder, data side first; empty for others.</summary>
    public ValueList<LatentLayer> Layers { get; init; } = [];

    /// <summary>For people: <c>14 of 16 units inactive: KL below 0.01 nats; try training.kl_warmup_epochs: 10 (now 0), ...</c>.</summary>
    public string Text
    {
        get
        {
            if (Perplexity is { } perplexity)
            {
                var codes = string.Create(CultureInfo.InvariantCulture, $"{(Level == CollapseLevel.None ? "" : "codebook collapse: ")}{Units - Inactive} of {Units} codes in use, perplexity {perplexity:0.0}");
                return Level == CollapseLevel.None ? codes : $"{codes}; try {string.Join(", ", Remedies)}";
            }

            var told = Inactive == 0 ? string.Create(CultureInfo.InvariantCulture, $"no unit inactive: all {Units} have a KL of at least {InactiveKl} nats") : string.Create(CultureInfo.InvariantCulture, $"{Inactive} of {Units} units inactive: KL below {InactiveKl} nats{LayersText()}");
            return Level switch
            {
                CollapseLevel.None => told,
                CollapseLevel.Full => $"posterior collapse: {told}, the decoder ignores the latents; try {string.Join(", ", Remedies)}",
                _ => $"{told}; try {string.Join(", ", Remedies)}",
            };
        }
    }

    /// <summary>Looks at the rate by dimension and at what the trial was trained with.</summary>
    /// <param name="ratePerDimension">Mean KL by latent dimension over the held-out rows, in nats; at least one. With a vamp prior, whose rate does not come apart, the rate.</param>
    /// <param name="trial">Its hyperparameters.</param>
    /// <returns>Null where a rate is not finite, or there is none: then nothing can be told.</returns>
    public static CollapseDiagnosis? Of(IReadOnlyList<double> ratePerDimension, TrialSpec trial)
    {
        if (ratePerDimension.Count == 0 || ratePerDimension.Any(rate => !double.IsFinite(rate))) return null;
        var (units, inactive) = (ratePerDimension.Count, ratePerDimension.Count(rate => rate < InactiveKl));
        if (trial.Model.Prior == Prior.Vamp && units == 1)
        {
            if (inactive == 0) return null; // What a single unit carries is not known.
            (units, inactive) = (trial.Model.Latent, trial.Model.Latent);
        }

        var layers = LatentLayer.Of(ratePerDimension, trial.Model);
        var level = inactive == units ? CollapseLevel.Full : 2 * inactive > units || layers.Any(layer => layer.IsCollapsed) ? CollapseLevel.Partial : CollapseLevel.None;
        return new(level, inactive, units, level == CollapseLevel.None ? [] : Find(trial, units - inactive, layers).ToValueList()) { Layers = layers };
    }

    private string LayersText()
    {
        if (Layers.Count == 0) return "";
        return $" ({string.Join(", ", Layers.Select(layer => string.Create(CultureInfo.InvariantCulture, $"{layer.Name} {layer.Inactive} of {layer.Units}{(layer.IsCollapsed && Level != CollapseLevel.Full ? ", all of this layer" : "")}")))})";
    }

    /// <summary>Looks at what an ended trial reported: the use of its codes, or its rate by dimension.</summary>
    /// <returns>Null where nothing can be told.</returns>
    public static CollapseDiagnosis? Of(TrialResult result, TrialSpec trial)
    {
        if (trial.Model.Family != ModelFamily.Vq) return Of(result.KlPerDimension, trial);
        return Find("codes_in_use") is { } used && Find("perplexity") is { } perplexity ? OfCodes((int)used, perplexity, trial) : null;

        double? Find(string name) => result.Figures.FirstOrDefault(figure => figure.Name == name)?.Value;
    }

    /// <summary>Looks at how the codes of a vq model are used. A codebook has collapsed when most codes are never chosen: fewer would say the same.</summary>
    /// <param name="used">Codes that at least one held-out row uses.</param>
    /// <param name="perplexity">Over the held-out rows.</param>
    /// <param name="trial">Its hyperparameters.</param>
    public static CollapseDiagnosis OfCodes(int used, double perplexity, TrialSpec trial)
    {
        var (codes, training) = (trial.Model.Codes, trial.Training);
        var level = used <= 1 ? CollapseLevel.Full : 2 * used < codes ? CollapseLevel.Partial : CollapseLevel.None;
        return new(level, codes - used, codes, level == CollapseLevel.None ? [] : Remedy().ToValueList()) { Perplexity = perplexity };

        IEnumerable<string> Remedy()
        {
            if (training.CodeRevival < Revival) yield return Say("training.code_revival", string.Create(CultureInfo.InvariantCulture, $"{Revival}"), training.CodeRevival);
            if (training.CodeDecay > Decay) yield return Say("training.code_decay", string.Create(CultureInfo.InvariantCulture, $"{Decay}"), training.CodeDecay);
            yield return "a smaller training.learning_rate";
            if (used > 1) yield return string.Create(CultureInfo.InvariantCulture, $"or model.codes: {BitOperations.RoundUpToPowerOf2((uint)used)}, with which little would be lost");
        }
    }

    private static IEnumerable<string> Find(TrialSpec trial, int active, ValueList<LatentLayer> layers)
    {
        var (model, training) = (trial.Model, trial.Training);
        if (training.Beta > 1) yield return Say("training.beta", "1", training.Beta);
        if (active == 0 && !model.StartsAtMeanImage) yield return "model.output_bias: data (now random)"; // What learns the mean image first has often lost its latents by then.
        if (training.KlWarmupEpochs < WarmupEpochs) yield return Say("training.kl_warmup_epochs", $"{WarmupEpochs}", training.KlWarmupEpochs);
        else if (training.KlSchedule != KlSchedule.Cyclical && IsTrained(training with { KlSchedule = KlSchedule.Cyclical })) yield return "training.kl_schedule: cyclical";
        if (training is { FreeBits: 0, Capacity: null } && IsTrained(training with { FreeBits = FreeBits })) yield return Say("training.free_bits", string.Create(CultureInfo.InvariantCulture, $"{FreeBits}"), 0);
        if (model is { Likelihood: Likelihood.Gaussian, Variance: { } variance }) yield return Say("model.variance", "learned, or less", variance); // Above the top eigenvalue of the data all units collapse.
        if (layers.Count(layer => !layer.IsCollapsed) > 1) yield return $"or model.ladder: [{string.Join(", ", layers.Where(layer => !layer.IsCollapsed).Select(layer => layer.Units - layer.Inactive))}], with which nothing would be lost";
        else if (layers.Count > 0 && active > 0) yield return $"or model.family: vae with model.latent: {active.ToString(CultureInfo.InvariantCulture)}, with which nothing would be lost";
        else if (active > 0) yield return $"or model.latent: {active.ToString(CultureInfo.InvariantCulture)}, with which nothing would be lost";
        else yield return "a smaller training.learning_rate or a smaller decoder";

        bool IsTrained(TrainingSpec other) => Supported.Refusal(trial with { Training = other }) is null;
    }

    private static string Say(string field, string better, double now) => string.Create(CultureInfo.InvariantCulture, $"{field}: {better} (now {now:0.###})");
}
