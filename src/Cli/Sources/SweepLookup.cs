using Vae.Coordinator.Projections;

namespace Vae.Cli.Sources;

/// <summary>From what a user typed to one sweep: its id, the beginning of its id, its name when only one has it, or <c>last</c>.</summary>
internal static class SweepLookup
{
    public const string Last = "last";
    private const int NamedMax = 5;

    /// <param name="sweeps">Oldest first.</param>
    /// <param name="typed">As the user typed it.</param>
    /// <exception cref="CliException">None fits, or several do.</exception>
    public static SweepSummary Find(IReadOnlyList<SweepSummary> sweeps, string typed)
    {
        if (sweeps.Count == 0) throw new CliException(ExitCode.InvalidInput, "There are no sweeps yet.", "Run one: vae sweep run examples/quickstart.yaml");
        if (typed == Last) return sweeps[^1];
        if (sweeps.FirstOrDefault(sweep => sweep.Id == typed) is { } exact) return exact;
        var matches = sweeps.Where(sweep => typed.Length > 0 && (sweep.Id.StartsWith(typed, StringComparison.Ordinal) || sweep.Name == typed)).ToList();
        return matches switch
        {
            [var only] => only,
            [] => throw new CliException(ExitCode.InvalidInput, $"There is no sweep '{typed}'.", $"The newest are {Names(sweeps)}. `vae sweep list` shows all; `{Last}` is the newest."),
            _ => throw new CliException(ExitCode.InvalidInput, $"'{typed}' fits {matches.Count} sweeps: {Names(matches)}.", "Write more of the id."),
        };
    }

    private static string Names(IReadOnlyList<SweepSummary> sweeps)
    {
        var names = string.Join(", ", sweeps.Reverse().Take(NamedMax).Select(sweep => $"{sweep.Id} ({sweep.Name})"));
        return sweeps.Count > NamedMax ? $"{names}, ..." : names;
    }
}
