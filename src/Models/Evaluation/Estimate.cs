namespace Vae.Models.Evaluation;

/// <summary>A mean and how sure it is.</summary>
/// <param name="Value">The mean.</param>
/// <param name="StandardError">Standard deviation of the terms divided by the square root of their number; 0 for a single term.</param>
public readonly record struct Estimate(double Value, double StandardError)
{
    /// <summary>Mean and standard error of some terms.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static Estimate Of(ReadOnlySpan<double> terms)
    {
        if (terms.IsEmpty) throw new ArgumentException("A mean needs at least one term.", nameof(terms));
        double mean = 0, squares = 0;
        foreach (var term in terms) mean += term;
        mean /= terms.Length;
        foreach (var term in terms) squares += (term - mean) * (term - mean);
        return new(mean, terms.Length == 1 ? 0 : Math.Sqrt(squares / (terms.Length - 1) / terms.Length));
    }
}
