using System.Globalization;
using System.Text;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Runs;

/// <summary>What many runs came to, summed.</summary>
internal sealed class Report
{
    private readonly Lock _gate = new();
    private readonly long[] _faults = new long[Enum.GetValues<FaultKind>().Length];
    private readonly long[] _branches = new long[Enum.GetValues<Branch>().Length];
    private readonly SortedDictionary<ulong, string> _failures = [];
    private TimeSpan _simulated;
    private long _events;
    private long _messages;
    private long _acts;
    private long _trials;
    private int _runs;

    /// <summary>Failures by seed, with all that is needed to see each again.</summary>
    public IReadOnlyDictionary<ulong, string> Failures => _failures;

    public void Add(ClusterRun run)
    {
        lock (_gate)
        {
            _runs++;
            _simulated += run.Cluster.Now;
            _events += run.Cluster.History.Events;
            _messages += run.Cluster.History.Delivered;
            _acts += run.Trainers.Counts.Acts;
            _trials += run.Shape.Trials;
            foreach (var kind in Enum.GetValues<FaultKind>()) _faults[(int)kind] += run.Cluster.History.Count(kind);
            foreach (var branch in Enum.GetValues<Branch>()) _branches[(int)branch] += run.Coverage.Count(branch);
        }
    }

    public void Fail(ulong seed, string text)
    {
        lock (_gate) _failures[seed] = text;
    }

    /// <summary>Kinds of faults, and branches, that no run has met.</summary>
    public IEnumerable<string> NeverMet(IEnumerable<FaultKind> exceptFaults, IEnumerable<Branch> exceptBranches) =>
        Enum.GetValues<FaultKind>().Except(exceptFaults).Where(kind => _faults[(int)kind] == 0).Select(kind => $"fault {kind}")
            .Concat(Enum.GetValues<Branch>().Except(exceptBranches).Where(branch => _branches[(int)branch] == 0).Select(branch => $"branch {branch}"));

    /// <summary>The whole table.</summary>
    /// <param name="elapsed">Wall time of all the runs together.</param>
    public string Text(TimeSpan elapsed)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"build {Seeds.Build}: {_runs:N0} runs, {_failures.Count} failed; {_simulated.TotalHours:F1} hours simulated in {elapsed.TotalSeconds:F1} s; ");
        text.Append(CultureInfo.InvariantCulture, $"{_events:N0} events ({_events / Math.Max(0.001, elapsed.TotalSeconds):N0} per second), {_messages:N0} messages, {_acts:N0} acts of training, {_trials:N0} trials\n");
        Table("faults", Enum.GetValues<FaultKind>(), kind => _faults[(int)kind]);
        Table("branches", Enum.GetValues<Branch>(), branch => _branches[(int)branch]);
        foreach (var group in _failures.GroupBy(pair => Reason(pair.Value)).OrderByDescending(group => group.Count()))
            text.Append(CultureInfo.InvariantCulture, $"{group.Count(),6} failed, first seed {group.First().Key}: {group.Key}\n");
        return text.ToString();

        void Table<T>(string title, T[] rows, Func<T, long> count)
            where T : struct, Enum
        {
            text.Append(title).Append('\n');
            foreach (var row in rows) text.Append(CultureInfo.InvariantCulture, $"  {row,-24} {count(row),14:N0}\n");
        }
    }

    private static string Reason(string failure)
    {
        var first = failure.Split('\n')[0];
        return first.Length < 160 ? first : first[..160];
    }
}
