using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Cli.Terminal;

/// <summary>A line for a log.</summary>
/// <param name="Text">Without a line end.</param>
/// <param name="Trial">The trial whose epoch it tells of, which comes often; null for a change of state, which must not be missed.</param>
internal readonly record struct ProgressLine(string Text, int? Trial = null);

/// <summary>What a running sweep looks like to the person who started it: one row per running or finished trial, kept current.</summary>
/// <param name="sweep">The sweep; observations of others are passed over.</param>
/// <param name="name">From the sweep file.</param>
/// <param name="trials">How many trials it has.</param>
/// <param name="labelOf">Label of a trial.</param>
/// <param name="startedAt">When the command began, as <see cref="Stopwatch.GetTimestamp"/> tells it.</param>
internal sealed class SweepProgress(SweepId sweep, string name, int trials, Func<int, string> labelOf, long startedAt)
{
    private const int RowsMax = 24; // A terminal's height; the rest is counted in the last line.

    private readonly SortedDictionary<int, Row> _rows = [];
    private readonly Dictionary<int, ValueList<NodeId>> _packs = []; // Running ones and their workers.
    private int _workers;

    public int Ended { get; private set; }

    /// <summary>Null until the sweep has ended.</summary>
    public SweepState? State { get; private set; }

    /// <summary>The newest note; shown under the table.</summary>
    public string Notice { get; set; } = "";

    /// <summary>Time from the start to the first training point; null before.</summary>
    public TimeSpan? FirstStepAfter { get; private set; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(startedAt);

    /// <summary>Takes one observation; returns the lines that a log should have of it.</summary>
    public IReadOnlyList<ProgressLine> Observe(ObserverMessage message)
    {
        switch (message)
        {
            case ObserverMessage.FactRecorded { Fact: var fact } when fact.Sweep == sweep: return Record(fact) is { } line ? [new(line)] : [];
            case ObserverMessage.PointsRecorded points: return Record(points.Points);
            case ObserverMessage.CurveLacks lacks when lacks.Trial.Sweep == sweep: return [new($"trial {lacks.Trial.Index}: {lacks.Gaps.Sum(gap => gap.Steps):N0} steps of its curve lack; curves.csv names them")];
            case ObserverMessage.WorkersChanged workers:
                _workers = workers.Alive;
                return workers.Text.Length == 0 ? [] : [new($"workers: {workers.Alive} ({workers.Text})")];
            default: return [];
        }
    }

    private string? Record(SweepEvent fact)
    {
        switch (fact)
        {
            case SweepEvent.DatasetReady ready:
                var m = ready.Manifest;
                return $"data: {m.TrainRows:N0} rows to train on, {m.HeldOut:N0} held out, {m.Channels} x {m.Height} x {m.Width}, fingerprint {m.Fingerprint[..12]}";
            case SweepEvent.PackPlanned planned:
                return $"packs: {planned.Reason}";
            case SweepEvent.PackStarted started:
                _packs[started.Pack] = started.Workers;
                for (var slot = 0; slot < started.Trials.Count; slot++) Find(started.Trials[slot]).Start(started.Pack, slot, started.Workers.Count);
                return started.Trials.Count == 1
                    ? $"trial {started.Trials[0]} started on {string.Join(", ", started.Workers)}: {Find(started.Trials[0]).Label}"
                    : $"pack {started.Pack} started on {string.Join(", ", started.Workers)} with trials {string.Join(", ", started.Trials)}";
            case SweepEvent.SlotFilled filled:
                var workers = _packs.GetValueOrDefault(filled.Pack) ?? [];
                Find(filled.Trial).Start(filled.Pack, filled.Slot, workers.Count);
                return $"trial {filled.Trial} started in pack {filled.Pack}: {Find(filled.Trial).Label}";
            case SweepEvent.PackRegrouped regrouped:
                _packs[regrouped.Pack] = regrouped.Workers;
                return $"pack {regrouped.Pack} goes on with {string.Join(", ", regrouped.Workers)}: {regrouped.Reason}";
            case SweepEvent.CheckpointRefused { Checkpoint: var refused } fall:
                return $"checkpoint of pack {refused.Pack.Number}, attempt {refused.Attempt.Value}, position {refused.Position} is not used again: {fall.Reason}; its trials go on from the one before";
            case SweepEvent.PackEnded packEnded:
                _packs.Remove(packEnded.Pack);
                return null;
            case SweepEvent.PackInterrupted interrupted:
                _packs.Remove(interrupted.Pack);
                foreach (var waiting in _rows.Values) waiting.Interrupt(interrupted);
                return $"pack {interrupted.Pack} attempt {interrupted.Attempt.Value} {interrupted.State.ToString().ToLowerInvariant()}: {interrupted.Reason}; it will run again";
            case SweepEvent.TrialEnded ended:
                Ended++;
                var row = Find(ended.Result.TrialIndex);
                row.End(ended.Result);
                return ended.Result.State == TrialState.Done
                    ? Invariant($"trial {row.Index} done: {row.Label}, ELBO {ended.Result.Elbo:F2} nats, {ended.Result.ActiveUnits} active units, {ended.Result.TrainSeconds:F1} s ({Ended}/{trials}){(ended.Result.FailureText is { Length: > 0 } lack ? $"; {lack}" : "")}")
                    : $"trial {row.Index} {ended.Result.State.ToString().ToLowerInvariant()}: {row.Label}: {ended.Result.FailureText}";
            case SweepEvent.Ended end:
                State = end.State;
                return null;
            default:
                return null;
        }
    }

    private List<ProgressLine> Record(IReadOnlyList<MetricPoint> points)
    {
        var lines = new List<ProgressLine>();
        foreach (var point in points)
        {
            if (point.Trial.Sweep != sweep) continue;
            if (FirstStepAfter is null)
            {
                FirstStepAfter = Elapsed;
                lines.Add(new(Invariant($"first training steps seen {Elapsed.TotalSeconds:F1} s after the start")));
            }

            var row = Find(point.Trial.Index);
            switch (point)
            {
                case MetricPoint.TrainStep step: row.Update(step); break;
                case MetricPoint.Evaluation evaluation:
                    row.Update(evaluation);
                    lines.Add(new(Invariant($"trial {row.Index} epoch {evaluation.EpochsDone}: ELBO {evaluation.Elbo:F2} (distortion {evaluation.Distortion:F2}, rate {evaluation.Rate:F2}), {evaluation.ActiveUnits} active units{Figures(evaluation)}: {row.Label}"), row.Index));
                    break;
            }
        }

        return lines;
    }

    private static string Figures(MetricPoint.Evaluation evaluation) => string.Concat(evaluation.Figures.Select(figure => Invariant($", {figure.Name} {figure.Value:G5}")));

    private Row Find(int trial)
    {
        if (!_rows.TryGetValue(trial, out var row)) _rows.Add(trial, row = new(trial, labelOf(trial)));
        return row;
    }

    /// <summary>The live picture: running trials first, then the best finished ones.</summary>
    public IRenderable Draw()
    {
        var table = new Table { Border = TableBorder.None, Expand = false };
        table.AddColumn(new TableColumn("trial").RightAligned().NoWrap());
        table.AddColumn("hyperparameters");
        table.AddColumn(new TableColumn("state").NoWrap());
        if (_rows.Values.Any(row => row.Slot > 0)) table.AddColumn(new TableColumn("pack").NoWrap());
        foreach (var title in (string[])["epoch", "loss", "ELBO", "active", "steps/s"]) table.AddColumn(new TableColumn(title).RightAligned().NoWrap());
        var shown = _rows.Values.OrderBy(row => row.State == TrialState.Running ? 0 : 1).ThenByDescending(row => row.Elbo ?? double.NegativeInfinity).Take(RowsMax);
        foreach (var row in shown) row.AddTo(table, withPack: _rows.Values.Any(one => one.Slot > 0));
        var running = _rows.Values.Count(row => row.State == TrialState.Running);
        var foot = Invariant($"{Ended} of {trials} ended, {running} running{(running > _packs.Count ? $" in {Packs(_packs.Count)}" : "")}, {_workers} workers, {Elapsed:h\\:mm\\:ss}");
        var lines = new List<IRenderable> { new Markup($"[bold]{Markup.Escape(name)}[/] {sweep}"), table, new Markup($"[dim]{foot} - Ctrl-C stops cleanly[/]") };
        if (Notice.Length > 0) lines.Add(new Markup($"[yellow]{Markup.Escape(Notice)}[/]"));
        return new Rows(lines);
    }

    private static string Packs(int count) => count == 1 ? "1 pack" : Invariant($"{count} packs");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class Row(int index, string label)
    {
        private int _epoch;
        private double? _loss;
        private double _rate;
        private int? _active;

        public int Index => index;

        public string Label => label;

        public TrialState State { get; private set; } = TrialState.Queued;

        public double? Elbo { get; private set; }

        public int Slot { get; private set; } = -1;

        private int Pack { get; set; } = -1;

        public void Start(int pack, int slot, int workers)
        {
            (Pack, Slot) = (pack, slot);
            State = TrialState.Running;
            Verb = workers <= 1 ? "running" : $"running x{workers}";
        }

        public void Interrupt(SweepEvent.PackInterrupted interrupted)
        {
            if (State != TrialState.Running || Pack != interrupted.Pack) return;
            State = interrupted.State;
            Verb = State.ToString().ToLowerInvariant();
        }

        private string Verb { get; set; } = "queued";

        public void Update(MetricPoint.TrainStep step)
        {
            _epoch = step.EpochIndex;
            _loss = step.Loss;
            if (step.Seconds > 0) _rate = _rate == 0 ? 1 / step.Seconds : (0.95 * _rate) + (0.05 / step.Seconds);
        }

        public void Update(MetricPoint.Evaluation evaluation)
        {
            Elbo = evaluation.Elbo;
            _epoch = evaluation.EpochsDone;
            _active = evaluation.ActiveUnits;
        }

        public void End(TrialResult result)
        {
            State = result.State;
            Verb = result.State.ToString().ToLowerInvariant();
            _epoch = result.Epochs;
            if (result.State == TrialState.Done)
            {
                Elbo = result.Elbo;
                _active = result.ActiveUnits;
            }
        }

        public void AddTo(Table table, bool withPack)
        {
            var color = State switch { TrialState.Running => "cyan", TrialState.Done => "green", TrialState.Failed => "red", _ => "yellow" };
            string[] pack = withPack ? [Pack < 0 ? "" : Invariant($"{Pack}.{Slot}")] : [];
            table.AddRow([
                Invariant($"{index}"), Markup.Escape(label), $"[{color}]{Verb}[/]", .. pack, Invariant($"{_epoch}"),
                _loss is { } loss ? Invariant($"{loss:F2}") : "", Elbo is { } elbo ? Invariant($"{elbo:F2}") : "",
                _active is { } active ? Invariant($"{active}") : "", State == TrialState.Running && _rate > 0 ? Invariant($"{_rate:F0}") : "",
            ]);
        }
    }
}
