namespace Vae.Models.Evaluation;

/// <summary>Mutual information gap (Chen et al. 2018, equation 6): whether one latent dimension alone knows a factor.</summary>
/// <param name="Score">Mean over factors of <paramref name="Gaps"/>, 0 to 1.</param>
/// <param name="Gaps">By factor: (I of the best dimension - I of the second best) / H(factor).</param>
/// <param name="Information">[factors, d]: mutual information in nats.</param>
public sealed record MutualInformationGap(double Score, IReadOnlyList<double> Gaps, double[] Information)
{
    /// <summary>Bins of a latent dimension, of equal width from its least to its largest value (the setting of Locatello et al. 2019).</summary>
    public const int Bins = 20;

    /// <summary>
    /// From histograms. Every information is too large by about (bins - 1)(values - 1) / 2n nats, the same for all dimensions, so the gap hardly feels it; n of 10,000 is usual.
    /// </summary>
    /// <param name="samples">Latents and factors. A model with one dimension has a second best of 0.</param>
    public static MutualInformationGap Of(FactorSamples samples)
    {
        var varying = samples.Varying();
        var size = samples.Latents.Dimensions;
        var binned = new int[size][];
        for (var j = 0; j < size; j++) binned[j] = Bin(samples.Latents.Column(j));
        var (gaps, information) = (new double[varying.Length], new double[varying.Length * size]);
        for (var f = 0; f < varying.Length; f++)
        {
            var values = samples.Column(varying[f]);
            var row = information.AsSpan(f * size, size);
            for (var j = 0; j < size; j++) row[j] = MutualInformation(binned[j], values);
            var (best, second) = TwoLargest(row);
            gaps[f] = (best - second) / Entropy(values);
        }

        return new(gaps.Average(), gaps, information);
    }

    /// <summary>I(a; b) of two columns of whole numbers from 0, in nats, by counting.</summary>
    public static double MutualInformation(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        var (sizeA, sizeB) = (Max(a) + 1, Max(b) + 1);
        var (joint, countA, countB) = (new double[sizeA * sizeB], new double[sizeA], new double[sizeB]);
        for (var row = 0; row < a.Length; row++)
        {
            joint[(a[row] * sizeB) + b[row]]++;
            countA[a[row]]++;
            countB[b[row]]++;
        }

        double sum = 0;
        for (var i = 0; i < sizeA; i++)
        {
            for (var j = 0; j < sizeB; j++)
            {
                if (joint[(i * sizeB) + j] is var n and > 0) sum += n / a.Length * Math.Log(n * a.Length / (countA[i] * countB[j]));
            }
        }

        return Math.Max(0, sum);
    }

    /// <summary>Entropy of a column, in nats.</summary>
    public static double Entropy(ReadOnlySpan<int> values) => MutualInformation(values, values);

    /// <summary>The two largest values; 0 in the place of one that is not there.</summary>
    internal static (double Best, double Second) TwoLargest(ReadOnlySpan<double> values)
    {
        double best = 0, second = 0;
        foreach (var value in values)
        {
            if (value > best) (best, second) = (value, best);
            else second = Math.Max(second, value);
        }

        return (best, second);
    }

    private static int[] Bin(double[] column)
    {
        var (least, largest) = (column.Min(), column.Max());
        var width = (largest - least) / Bins;
        return [.. column.Select(value => width > 0 ? Math.Clamp((int)((value - least) / width), 0, Bins - 1) : 0)];
    }

    private static int Max(ReadOnlySpan<int> values)
    {
        var max = 0;
        foreach (var value in values) max = Math.Max(max, value);
        return max;
    }
}
