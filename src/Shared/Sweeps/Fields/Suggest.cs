namespace Vae.Shared.Sweeps;

/// <summary>"Did you mean": the candidate that the fewest slips of the keyboard turn into the given word.</summary>
internal static class Suggest
{
    private const int LengthMax = 64; // Nobody types a longer key by mistake, and the cost grows with the square.

    /// <returns>A whole sentence, or null when nothing is close.</returns>
    public static string? Sentence(string word, IEnumerable<string> candidates) =>
        Closest(word, candidates) is { } close ? $"did you mean `{close}`?" : null;

    /// <returns>The closest candidate, the first of equals; null when none is close enough to be meant.</returns>
    public static string? Closest(string word, IEnumerable<string> candidates)
    {
        if (word.Length is 0 or > LengthMax) return null;
        string? best = null;
        var bestDistance = int.MaxValue;
        foreach (var candidate in candidates)
        {
            var distance = Distance(word.ToLowerInvariant(), candidate);
            var allowed = Math.Max(1, Math.Max(word.Length, candidate.Length) / 3);
            if (distance > allowed || distance >= bestDistance) continue;
            (best, bestDistance) = (candidate, distance);
        }
        return best;
    }

    /// <summary>Damerau and Levenshtein's distance in its optimal-string-alignment form: insert, delete, replace, swap neighbours.</summary>
    public static int Distance(string left, string right)
    {
        var table = new int[left.Length + 1, right.Length + 1];
        for (var i = 0; i <= left.Length; i++) table[i, 0] = i;
        for (var j = 0; j <= right.Length; j++) table[0, j] = j;
        for (var i = 1; i <= left.Length; i++)
        {
            for (var j = 1; j <= right.Length; j++)
            {
                var cost = left[i - 1] == right[j - 1] ? 0 : 1;
                var best = Math.Min(Math.Min(table[i - 1, j] + 1, table[i, j - 1] + 1), table[i - 1, j - 1] + cost);
                var swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                table[i, j] = swapped ? Math.Min(best, table[i - 2, j - 2] + 1) : best;
            }
        }
        return table[left.Length, right.Length];
    }
}
