namespace Vae.Shared.Sweeps;

/// <summary>Short names for people: a path is cut to the shortest end that no other path of the list shares.</summary>
public static class TrialLabel
{
    /// <returns>For example <c>beta=4 latent=16</c>; <c>default</c> when nothing was searched.</returns>
    public static string Of(IReadOnlyList<Assignment> assignments)
    {
        if (assignments.Count == 0) return "default";
        var names = ShortNames([.. assignments.Select(a => a.Path)]);
        return string.Join(' ', assignments.Select((a, i) => $"{names[i]}={a.Value}"));
    }

    /// <returns>One short name per path, in the same order.</returns>
    public static IReadOnlyList<string> ShortNames(IReadOnlyList<string> paths) =>
        [.. paths.Select((path, i) => Shortest(path, paths.Where((_, j) => j != i)))];

    private static string Shortest(string path, IEnumerable<string> others)
    {
        var rivals = others.ToArray();
        for (var dot = path.LastIndexOf('.'); dot >= 0; dot = dot == 0 ? -1 : path.LastIndexOf('.', dot - 1))
        {
            var end = path[(dot + 1)..];
            if (!rivals.Any(rival => rival == end || rival.EndsWith("." + end, StringComparison.Ordinal))) return end;
        }
        return path;
    }
}
