using Vae.Data;

namespace Vae.Models.Evaluation;

/// <summary>Latents of rows whose factors of variation are known: what the measures of disentanglement look at.</summary>
/// <param name="Latents">Posterior means.</param>
/// <param name="Factors">The factors of the same rows.</param>
public sealed record FactorSamples(LatentTable Latents, FactorTable Factors)
{
    /// <summary>Factors whose values have no order, so that no correlation with them means anything.</summary>
    private static readonly HashSet<string> Unordered = new(["shape", "label", "class"], StringComparer.Ordinal);

    /// <summary>How many factors there are.</summary>
    public int Count => Factors.Names.Count;

    /// <summary>Rows.</summary>
    public int Rows => Latents.Rows;

    /// <summary>Value numbers of one factor, by row.</summary>
    public int[] Column(int factor)
    {
        var column = new int[Rows];
        for (var row = 0; row < column.Length; row++) column[row] = Factors.Row(row)[factor];
        return column;
    }

    /// <summary>Whether the values of a factor have an order.</summary>
    public bool IsOrdered(int factor) => !Unordered.Contains(Factors.Names[factor]);

    /// <summary>Factors that take more than one value in these rows: the others cannot be measured and are left out.</summary>
    /// <exception cref="ArgumentException">There is none, or there are not as many rows of factors as of latents.</exception>
    public int[] Varying()
    {
        if (Factors.Values.Length != Rows * Count) throw new ArgumentException("There must be factors for every row.");
        var varying = Enumerable.Range(0, Count).Where(factor => Column(factor).Distinct().Skip(1).Any()).ToArray();
        return varying.Length > 0 ? varying : throw new ArgumentException("No factor varies: there is nothing to measure.");
    }
}
