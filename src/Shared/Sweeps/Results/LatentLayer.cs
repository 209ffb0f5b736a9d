namespace Vae.Shared.Sweeps;

/// <summary>What one layer of a ladder's latents carries over the held-out rows.</summary>
/// <param name="Name"><c>z1</c> at the data, <c>z2</c> above it, and so on.</param>
/// <param name="Units">Its latents.</param>
/// <param name="Inactive">Those with a mean KL below <see cref="CollapseDiagnosis.InactiveKl"/>.</param>
/// <param name="Rate">Its KL given the layer above, nats per row.</param>
public sealed record LatentLayer(string Name, int Units, int Inactive, double Rate)
{
    /// <summary>Whether it carries nothing at all.</summary>
    public bool IsCollapsed => Inactive == Units;

    /// <summary>The layers of a ladder, data side first; none of a model that has one layer, and none where the rates are not those of this model.</summary>
    /// <param name="ratePerDimension">Mean KL by latent, data side first, in nats.</param>
    /// <param name="model">Whose.</param>
    public static ValueList<LatentLayer> Of(IReadOnlyList<double> ratePerDimension, ModelSpec model)
    {
        if (model.Family != ModelFamily.Ladder || ratePerDimension.Count != model.Ladder.Sum()) return [];
        var layers = new List<LatentLayer>();
        var first = 0;
        foreach (var units in model.Ladder)
        {
            var rates = ratePerDimension.Skip(first).Take(units).ToArray();
            layers.Add(new($"z{layers.Count + 1}", units, rates.Count(rate => rate < CollapseDiagnosis.InactiveKl), rates.Sum()));
            first += units;
        }

        return layers.ToValueList();
    }
}
