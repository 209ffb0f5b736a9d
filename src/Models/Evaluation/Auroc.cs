namespace Vae.Models.Evaluation;

/// <summary>The two parts of the negative bound by row, in nats.</summary>
/// <param name="Distortion">-ln p(x | z).</param>
/// <param name="Rate">KL of the posterior from the prior, or what the codes cost.</param>
public readonly record struct BoundScores(double[] Distortion, double[] Rate)
{
    /// <summary>Their sum: the negative ELBO.</summary>
    public double[] Total => [.. Distortion.Zip(Rate, (distortion, rate) => distortion + rate)];
}

/// <summary>How well a score tells anomalies from ordinary rows.</summary>
public static class Auroc
{
    /// <summary>The area by the bound of each row and by both of its parts.</summary>
    /// <param name="ordinary">Of ordinary rows, at least one.</param>
    /// <param name="anomalies">Of anomalies, at least one.</param>
    public static IReadOnlyList<Measured> OfBound(BoundScores ordinary, BoundScores anomalies)
    {
        var told = FormattableString.Invariant($"{anomalies.Rate.Length:N0} anomalies against {ordinary.Rate.Length:N0} rows; 0.5 is chance");
        return
        [
            new("auroc_elbo", Of(ordinary.Total, anomalies.Total), "0 to 1", null, $"score: distortion + rate; {told}"),
            new("auroc_distortion", Of(ordinary.Distortion, anomalies.Distortion), "0 to 1", null, "score: distortion"),
            new("auroc_rate", Of(ordinary.Rate, anomalies.Rate), "0 to 1", null, "score: rate"),
        ];
    }

    /// <summary>
    /// Area under the receiver operating characteristic: the probability that an anomaly scores higher than an ordinary row, equal scores counting half (Hanley and McNeil 1982;
    /// the Mann-Whitney statistic by midranks, exact). 0 to 1; 0.5 is chance, below it the score is turned round.
    /// </summary>
    /// <param name="ordinary">Scores of ordinary rows, at least one.</param>
    /// <param name="anomalies">Scores of anomalies, at least one; higher is meant to be stranger.</param>
    /// <exception cref="ArgumentException">One of the two is empty, or a score is not a number.</exception>
    public static double Of(ReadOnlySpan<double> ordinary, ReadOnlySpan<double> anomalies)
    {
        if (ordinary.IsEmpty || anomalies.IsEmpty) throw new ArgumentException("Both kinds of rows are needed.", nameof(ordinary));
        var scores = new double[ordinary.Length + anomalies.Length];
        ordinary.CopyTo(scores);
        anomalies.CopyTo(scores.AsSpan(ordinary.Length));
        if (Array.Exists(scores, double.IsNaN)) throw new ArgumentException("A score is not a number.", nameof(ordinary));
        var isAnomaly = new bool[scores.Length];
        isAnomaly.AsSpan(ordinary.Length).Fill(true);
        Array.Sort(scores, isAnomaly);
        double ranks = 0; // Twice the ranks, which are halves where scores are equal: whole numbers are exact.
        for (var first = 0; first < scores.Length;)
        {
            var end = first + 1;
            while (end < scores.Length && scores[end].Equals(scores[first])) end++;
            for (var i = first; i < end; i++) if (isAnomaly[i]) ranks += first + 1 + end;
            first = end;
        }

        var n = (double)anomalies.Length;
        return ((ranks / 2) - (n * (n + 1) / 2)) / (n * ordinary.Length);
    }
}
