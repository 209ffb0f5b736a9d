namespace Vae.Models.Evaluation;

/// <summary>One vector for each of some rows: posterior means, mostly. What measures of representations work on, so that they need no model.</summary>
public sealed class LatentTable
{
    /// <param name="values">[rows, dimensions], row by row. Not copied.</param>
    /// <param name="dimensions">Numbers of one row, at least 1.</param>
    /// <exception cref="ArgumentException">The values are no whole number of rows, at least one.</exception>
    public LatentTable(float[] values, int dimensions)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        if (values.Length == 0 || values.Length % dimensions != 0) throw new ArgumentException($"{values.Length} values are no whole number of rows of {dimensions}, at least one.", nameof(values));
        (Values, Dimensions, Rows) = (values, dimensions, values.Length / dimensions);
    }

    /// <summary>[rows, dimensions].</summary>
    public float[] Values { get; }

    /// <summary>Numbers of one row.</summary>
    public int Dimensions { get; }

    /// <summary>Rows.</summary>
    public int Rows { get; }

    /// <summary>One row.</summary>
    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Dimensions, Dimensions);

    /// <summary>A run of rows as a table of its own.</summary>
    public LatentTable Slice(int first, int count) => new(Values.AsSpan(first * Dimensions, count * Dimensions).ToArray(), Dimensions);

    /// <summary>One dimension of all rows.</summary>
    public double[] Column(int dimension)
    {
        var column = new double[Rows];
        for (var row = 0; row < Rows; row++) column[row] = Values[(row * Dimensions) + dimension];
        return column;
    }

    /// <summary>Variance of each dimension over the rows, divided by their number.</summary>
    public double[] Variances()
    {
        var (mean, square) = (new double[Dimensions], new double[Dimensions]);
        for (var row = 0; row < Rows; row++)
        {
            var values = Row(row);
            for (var j = 0; j < values.Length; j++) mean[j] += values[j];
        }

        for (var j = 0; j < mean.Length; j++) mean[j] /= Rows;
        for (var row = 0; row < Rows; row++)
        {
            var values = Row(row);
            for (var j = 0; j < values.Length; j++) square[j] += (values[j] - mean[j]) * (values[j] - mean[j]);
        }

        for (var j = 0; j < square.Length; j++) square[j] /= Rows;
        return square;
    }
}
