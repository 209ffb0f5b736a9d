using System.Globalization;

namespace Vae.Shared.Sweeps;

/// <summary>
/// What must be equal for trials to be trained as one fused model: all that decides the shapes and the kind of an operation. What is only a
/// number in an operation (beta, learning rate, warm-up, seed, decay, clip) is a vector with one entry per slot, how long a trial trains
/// is its own business, and a smaller latent is padded; none of these are part of it.
/// </summary>
/// <param name="Key">Equal texts, equal signatures, from one version of the program to the next; a person can read it.</param>
public sealed record PackSignature(string Key)
{
    /// <summary>Fields that this trial's kind of model or optimizer does not use are left out, so they never keep trials apart.</summary>
    public static PackSignature Of(TrialSpec trial)
    {
        var (model, training) = (trial.Model, trial.Training);
        string[] words =
        [
            Word(model.Family),
            .. model.Architecture == Architecture.Mlp
                ? [$"mlp", $"encoder={Widths(model.Encoder)}", $"decoder={Widths(model.DecoderWidths)}"]
                : (string[])["conv", $"channels={(model.Channels is { } channels ? Widths(channels) : "auto")}", $"hidden={model.Hidden}"],
            $"activation={Word(model.Activation)}",
            .. model.Likelihood == Likelihood.Gaussian
                ? ["gaussian", $"variance={(model.Variance is { } fixedAt ? fixedAt.ToString("R", CultureInfo.InvariantCulture) : "learned")}"]
                : (string[])[Word(model.Likelihood)],
            $"batch={training.Batch}",
            // Momentum needs a buffer that plain gradient descent does not have.
            training is { Optimizer: OptimizerKind.Sgd, Momentum: > 0 } ? "optimizer=sgd+momentum" : $"optimizer={Word(training.Optimizer)}",
        ];
        return new(string.Join(' ', words));
    }

    public override string ToString() => Key;

    private static string Widths(ValueList<int> widths) => string.Join('-', widths);

    private static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
