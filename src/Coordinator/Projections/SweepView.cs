using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Projections;

/// <summary>
/// What a sweep's facts add up to. The command line, the web page and the sweep's own recovery all read this one fold, so they cannot disagree.
/// Applying a fact costs O(log n) in trials, except the end of the sweep, which looks at each trial. Trials that nothing happened to take no memory.
/// Not safe to share between threads.
/// </summary>
/// <param name="id">The sweep.</param>
public sealed class SweepView(SweepId id)
{
    private readonly SortedDictionary<int, TrialRow> _rows = [];
    private readonly SortedDictionary<int, PackRow> _packs = [];
    private readonly SortedDictionary<int, Attempt> _suspects = [];
    private readonly Dictionary<int, PackShape> _shapes = []; // Looked up only.
    private readonly SortedDictionary<string, SweepEvent.PackPlanned> _plans = new(StringComparer.Ordinal);
    private readonly SortedSet<RankedTrial> _ranked = new(RankedTrial.BestFirst);
    private readonly int[] _counts = new int[Enum.GetValues<TrialState>().Length];

    /// <summary>The sweep.</summary>
    public SweepId Id => id;

    /// <summary>From the sweep file; empty before <see cref="SweepEvent.Submitted"/>.</summary>
    public string Name => Submission?.Name ?? "";

    /// <summary>The first fact; null before it.</summary>
    public SweepEvent.Submitted? Submission { get; private set; }

    /// <summary>What its trials are ranked by.</summary>
    public ObjectiveSpec Objective => field ??= SweepDocument.DefinitionOf(this).Objective;

    /// <summary>Where the sweep stands.</summary>
    public SweepState State { get; private set; } = SweepState.Running;

    /// <summary>Why it ended so; empty while it runs.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>What is wrong with its facts in the store; null while all can be read. The view then stands before the first fact that cannot, and nobody goes on with the sweep.</summary>
    public string? Damage { get; set; }

    /// <summary>Whether <see cref="Damage"/> is none, but a fact that another version of this program wrote in a form that this one does not read.</summary>
    public bool IsForeign { get; set; }

    /// <summary>All trials of the sweep.</summary>
    public int Trials => Submission?.Trials ?? 0;

    /// <summary>The data set, once it is ready.</summary>
    public DatasetManifest? Dataset { get; private set; }

    /// <summary>What is odd about the data set.</summary>
    public ValueList<string> Warnings { get; private set; } = [];

    /// <summary>Time since the first trial began, as last recorded.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Trials that something happened to, by index.</summary>
    public IReadOnlyCollection<TrialRow> Touched => _rows.Values;

    /// <summary>Pack attempts that have begun and not ended, by number.</summary>
    public IReadOnlyDictionary<int, PackRow> Packs => _packs;

    /// <summary>Packs whose trials are tried among themselves because one of them may be what breaks them, by number: the attempt after which that was decided.</summary>
    public IReadOnlyDictionary<int, Attempt> Suspects => _suspects;

    /// <summary>The planned shapes by signature.</summary>
    public IReadOnlyDictionary<string, SweepEvent.PackPlanned> Plans => _plans;

    /// <summary>What trials without an end may go on from.</summary>
    public CheckpointBook Checkpoints { get; } = new();

    /// <summary>The shape that a pack had when it was last started; null when it never was, or its trials have all ended.</summary>
    public PackShape? ShapeOf(int pack) => _shapes.GetValueOrDefault(pack);

    /// <summary>One more than the greatest pack number so far.</summary>
    public int NextPack { get; private set; }

    /// <summary>Trials with a result, best first.</summary>
    public IReadOnlyCollection<RankedTrial> Ranked => _ranked;

    /// <summary>The best trial; null before the first result.</summary>
    public TrialRow? Best => _ranked.Count > 0 ? _rows[_ranked.Min.Index] : null;

    /// <summary>Trials in a state. Over all states this sums to <see cref="Trials"/>, always.</summary>
    public int Count(TrialState state) => _counts[(int)state];

    /// <summary>Trials that can never train again.</summary>
    public int Ended => Count(TrialState.Done) + Count(TrialState.Failed) + Count(TrialState.Pruned) + Count(TrialState.Cancelled);

    /// <summary>One trial, whether anything happened to it or not.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The sweep has no such trial.</exception>
    public TrialRow Row(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Trials);
        return _rows.GetValueOrDefault(index) ?? TrialRow.Untouched(index, State == SweepState.Running ? TrialState.Queued : TrialState.Cancelled);
    }

    /// <summary>Fold one more fact in.</summary>
    /// <exception cref="InvariantException">The fact cannot follow those before it.</exception>
    public void Apply(SweepEvent fact)
    {
        Verify.That(fact.Sweep == Id);
        switch (fact)
        {
            case SweepEvent.Submitted submitted: Submit(submitted); break;
            case SweepEvent.DatasetReady ready: (Dataset, Warnings) = (ready.Manifest, ready.Warnings); break;
            case SweepEvent.PackStarted started: Start(started); break;
            case SweepEvent.PackPlanned planned: _plans[planned.Signature] = planned; break;
            case SweepEvent.SlotFilled filled: Fill(filled); break;
            case SweepEvent.SlotStopOrdered stop: RowOf(stop.Pack, stop.Attempt).AddOrder(stop, stop.Order); break;
            case SweepEvent.PackClosed closed: RowOf(closed.Pack, closed.Attempt).AddOrder(closed, closed.Order); break;
            case SweepEvent.PackRegrouped regrouped: Regroup(regrouped); break;
            case SweepEvent.CheckpointStored stored: TakeCheckpoint(stored.Checkpoint); break;
            case SweepEvent.PackSuspected suspected: Suspect(suspected); break;
            case SweepEvent.CheckpointRefused refused: Checkpoints.Refuse(refused.Checkpoint); break;
            case SweepEvent.PackEnded ended: EndPack(ended); break;
            case SweepEvent.PackInterrupted interrupted: Interrupt(interrupted); break;
            case SweepEvent.TrialEnded ended: End(ended); break;
            case SweepEvent.TimeSpent spent: Elapsed = spent.Elapsed; break;
            case SweepEvent.Ended ended: EndAll(ended); break;
            default: throw new UnreachableException($"No rule for {fact.GetType().Name}.");
        }
    }

    private void Submit(SweepEvent.Submitted submitted)
    {
        Verify.That(Submission is null);
        Submission = submitted;
        _counts[(int)TrialState.Queued] = submitted.Trials;
    }

    private void Start(SweepEvent.PackStarted started)
    {
        var pack = _packs[started.Pack] = new PackRow(started);
        _shapes[started.Pack] = started.Shape;
        NextPack = Math.Max(NextPack, started.Pack + 1);
        for (var slot = 0; slot < started.Trials.Count; slot++) Place(started.Trials[slot], slot, pack);
    }

    private void Fill(SweepEvent.SlotFilled filled)
    {
        var pack = RowOf(filled.Pack, filled.Attempt);
        pack.AddOrder(filled, filled.Order);
        Place(filled.Trial, filled.Slot, pack);
    }

    private void Regroup(SweepEvent.PackRegrouped regrouped)
    {
        var pack = RowOf(regrouped.Pack, regrouped.Attempt);
        Verify.That(regrouped.Generation.Value > pack.Generation.Value);
        pack.Regroup(regrouped);
        foreach (var trial in pack.Live) _rows[trial] = _rows[trial] with { Workers = regrouped.Workers };
    }

    private PackRow RowOf(int pack, Attempt attempt)
    {
        Verify.That(_packs[pack].Attempt == attempt);
        return _packs[pack];
    }

    private void TakeCheckpoint(CheckpointInfo checkpoint)
    {
        if (_packs.TryGetValue(checkpoint.Pack.Number, out var pack) && pack.Attempt == checkpoint.Attempt) pack.CheckpointedTo = Math.Max(pack.CheckpointedTo, checkpoint.Position);
        Checkpoints.Add(checkpoint, trial => !Row(trial).HasEnded);
    }

    private void Place(int trial, int slot, PackRow pack)
    {
        var row = Row(trial);
        Verify.That(pack.Attempt.Value > row.Attempt.Value);
        pack.Live.Add(trial);
        Move(row, row with { State = TrialState.Running, Pack = pack.Number, Slot = slot, Attempt = pack.Attempt, Workers = pack.Workers });
    }

    private void Interrupt(SweepEvent.PackInterrupted interrupted)
    {
        if (!_packs.Remove(interrupted.Pack, out var pack)) return;
        Verify.That(pack.Attempt == interrupted.Attempt);
        foreach (var trial in pack.Live)
        {
            var row = Row(trial);
            var losses = row.Losses + (interrupted.State == TrialState.Lost ? 1 : 0);
            Move(row, row with { State = interrupted.State, Losses = losses, Reason = interrupted.Reason });
        }
    }

    private void Suspect(SweepEvent.PackSuspected suspected)
    {
        _suspects[suspected.Pack] = suspected.Attempt;
        NextPack = Math.Max(NextPack, suspected.Pack + 1);
        foreach (var trial in suspected.Trials)
        {
            Verify.That(!Row(trial).HasEnded && Row(trial).State != TrialState.Running);
            _rows[trial] = Row(trial) with { Pack = suspected.Pack };
        }
    }

    private void EndPack(SweepEvent.PackEnded ended)
    {
        _suspects.Remove(ended.Pack);
        if (_packs.Remove(ended.Pack, out var pack)) Verify.That(pack.Live.Count == 0);
        _shapes.Remove(ended.Pack);
    }

    private void End(SweepEvent.TrialEnded ended)
    {
        var result = ended.Result;
        var row = Row(result.TrialIndex);
        Verify.That(row.Attempt == ended.Attempt && TrialRow.IsEnd(result.State));
        Move(row, row with { State = result.State, Result = result });
        if (result.State == TrialState.Done && MetricTable.ScoreOf(Objective, result) is var score && double.IsFinite(score)) _ranked.Add(new(score, row.Index));
        if (_packs.TryGetValue(row.Pack, out var pack)) pack.Live.Remove(row.Index);
        Checkpoints.Forget(row.Index);
    }

    // Trials that were never touched keep no row; they are counted, and Row makes one up.
    private void EndAll(SweepEvent.Ended ended)
    {
        Verify.That(State == SweepState.Running && ended.State != SweepState.Running);
        foreach (var row in _rows.Values.Where(row => !row.HasEnded).ToArray()) Move(row, row with { State = TrialState.Cancelled });
        _packs.Clear();
        _shapes.Clear();
        Checkpoints.Clear();
        _counts[(int)TrialState.Cancelled] += Count(TrialState.Queued);
        _counts[(int)TrialState.Queued] = 0;
        (State, Reason) = (ended.State, ended.Reason);
    }

    private void Move(TrialRow from, TrialRow to)
    {
        Verify.That(State == SweepState.Running && TrialRow.MayBecome(from.State, to.State));
        _counts[(int)from.State]--;
        _counts[(int)to.State]++;
        _rows[to.Index] = to;
    }
}
