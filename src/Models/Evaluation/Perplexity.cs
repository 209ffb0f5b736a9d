namespace Vae.Models.Evaluation;

/// <summary>How evenly the codes of a codebook are used.</summary>
public static class Perplexity
{
    /// <summary>
    /// exp(-sum p ln p) of the shares p of the codes (van den Oord et al. 2017, as their code reports it). 1 to the number of codes. Counts must be those of the whole set: a mean over batches
    /// is too low, because a batch has fewer codes than there are.
    /// </summary>
    /// <param name="counts">Uses of each code, none negative, at least one above 0.</param>
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    public static double Of(ReadOnlySpan<double> counts)
    {
        double total = 0, entropy = 0;
        foreach (var count in counts)
        {
            if (!(count >= 0)) throw new ArgumentException($"{count} is no count.", nameof(counts));
            total += count;
        }

        if (total == 0) throw new ArgumentException("No code was used: there is nothing to tell.", nameof(counts));
        foreach (var count in counts) if (count > 0) entropy -= count / total * Math.Log(count / total);
        return Math.Exp(entropy);
    }
}
