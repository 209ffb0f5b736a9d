using Vae.Models.Evaluation;
using Vae.Shared.Determinism;
using Vae.Torch;

namespace Vae.Models.Applications;

/// <summary>
/// A mixture of Gaussians with full covariances over latents, fitted by expectation maximisation (Dempster, Laird and Rubin 1977) from a k-means++ start (Arthur and
/// Vassilvitskii 2007). One component is a plain Gaussian. Everything is in double precision, and the same latents and seed give the same density.
/// </summary>
public sealed class LatentDensity
{
    /// <summary>Covariances have d x d numbers for each component; more dimensions than this are no job for a host.</summary>
    public const int LatentMax = 512;

    /// <summary>Components, at most.</summary>
    public const int ComponentsMax = 1_000;

    private const double Tolerance = 1e-4; // Nats per row between two rounds: far below what the estimate itself is off by.
    private const int RoundsMax = 100;

    private readonly GaussianComponent[] _components;

    private LatentDensity(int latent, GaussianComponent[] components, IReadOnlyList<double> history) => (Latent, _components, History) = (latent, components, history);

    /// <summary>Numbers of a latent, d.</summary>
    public int Latent { get; }

    /// <summary>Components.</summary>
    public int Components => _components.Length;

    /// <summary>Share of each component, summing to 1.</summary>
    public IReadOnlyList<double> Weights => [.. _components.Select(component => component.Weight)];

    /// <summary>Mean ln density of the rows it was fitted to, nats, after each round; it does not fall.</summary>
    public IReadOnlyList<double> History { get; }

    /// <summary>The mean of one component, [d].</summary>
    public ReadOnlySpan<double> Mean(int component) => _components[component].Mean;

    /// <summary>Fits a density.</summary>
    /// <param name="latents">[n, d]: draws from the posteriors of training rows (<see cref="LatentRows.Draw"/>), which is what the decoder was trained on; their means alone would be too narrow.</param>
    /// <param name="latent">d, 1 to <see cref="LatentMax"/>.</param>
    /// <param name="components">1 to <see cref="ComponentsMax"/>, at most one for every two rows.</param>
    /// <param name="seed">Of the start.</param>
    /// <exception cref="ArgumentException">Too many dimensions, too few rows, or a number that is not finite.</exception>
    public static LatentDensity Fit(ReadOnlySpan<float> latents, int latent, int components, ulong seed)
    {
        if (latent is < 1 or > LatentMax) throw new ArgumentException($"A density is fitted over 1 to {LatentMax} dimensions, not {latent}.", nameof(latent));
        if (latents.Length % latent != 0) throw new ArgumentException($"{latents.Length} numbers are no whole number of latents of {latent}.", nameof(latents));
        var count = latents.Length / latent;
        if (components is < 1 or > ComponentsMax || count < 2 * components) throw new ArgumentException($"{components} components need 1 to {ComponentsMax:N0}, and two rows each; there are {count:N0} rows.", nameof(components));
        var rows = new double[latents.Length];
        for (var i = 0; i < rows.Length; i++) rows[i] = float.IsFinite(latents[i]) ? latents[i] : throw new ArgumentException($"Row {i / latent} has a number that is not finite.", nameof(latents));

        var everything = new double[count];
        Array.Fill(everything, 1);
        var ridge = Math.Max(1e-6 * GaussianComponent.Of(rows, latent, everything, count, 0).MeanVariance, 1e-12);
        var shares = components == 1 ? [everything] : Shares(KMeans.Assign(rows, latent, components, seed), components);
        var history = new List<double>();
        while (true)
        {
            var fitted = new GaussianComponent[components];
            _ = Parallel.For(0, components, k => fitted[k] = GaussianComponent.Of(rows, latent, shares[k], count, ridge));
            history.Add(Expect(rows, latent, fitted, shares));
            if (components == 1 || history.Count == RoundsMax || (history.Count > 1 && history[^1] - history[^2] < Tolerance)) return new LatentDensity(latent, fitted, history);
        }
    }

    /// <summary>Draws latents.</summary>
    /// <param name="count">Latents, 1 or more.</param>
    /// <param name="seed">The same seed gives the same latents.</param>
    /// <returns>[count, d].</returns>
    public float[] Draw(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        using var scope = torch.NewDisposeScope();
        var noise = torch.empty([count, Latent]);
        Noise.FillNormal(noise, seed, NoiseStreams.Of(NoisePurpose.Prior, 1), 0);
        var latents = noise.ToArray<float>();
        var random = Xoshiro256.Keyed(seed, 1);
        var normal = new double[Latent];
        for (var row = 0; row < count; row++)
        {
            var target = latents.AsSpan(row * Latent, Latent);
            for (var j = 0; j < Latent; j++) normal[j] = target[j];
            Pick(random.NextDouble()).Transform(normal, target);
        }

        return latents;
    }

    /// <summary>ln density of one latent, nats.</summary>
    /// <param name="latent">[d].</param>
    public double LogDensity(ReadOnlySpan<float> latent)
    {
        var row = new double[Latent];
        for (var j = 0; j < Latent; j++) row[j] = latent[j];
        var terms = new double[Components];
        for (var k = 0; k < terms.Length; k++) terms[k] = _components[k].LogWeighted(row);
        return LogSumExp(terms);
    }

    private GaussianComponent Pick(double uniform)
    {
        foreach (var component in _components)
        {
            uniform -= component.Weight;
            if (uniform < 0) return component;
        }

        return _components[^1]; // What rounding leaves over.
    }

    private static double[][] Shares(int[] assigned, int components)
    {
        var shares = new double[components][];
        for (var k = 0; k < components; k++) shares[k] = [.. assigned.Select(to => to == k ? 1.0 : 0.0)];
        return shares;
    }

    // Replaces the shares of the rows; returns the mean ln density. Each row is a sum of its own, so the result does not depend on the threads.
    private static double Expect(double[] rows, int latent, GaussianComponent[] components, double[][] shares)
    {
        var densities = new double[rows.Length / latent];
        _ = Parallel.For(0, densities.Length, row =>
        {
            var terms = new double[components.Length];
            for (var k = 0; k < terms.Length; k++) terms[k] = components[k].LogWeighted(rows.AsSpan(row * latent, latent));
            densities[row] = LogSumExp(terms);
            for (var k = 0; k < terms.Length; k++) shares[k][row] = Math.Exp(terms[k] - densities[row]);
        });
        double sum = 0;
        foreach (var density in densities) sum += density;
        return sum / densities.Length;
    }

    private static double LogSumExp(ReadOnlySpan<double> terms)
    {
        var largest = double.NegativeInfinity;
        foreach (var term in terms) largest = Math.Max(largest, term);
        double sum = 0;
        foreach (var term in terms) sum += Math.Exp(term - largest);
        return largest + Math.Log(sum);
    }
}
