using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Vae.Data.Safetensors;
using Vae.Models.Evaluation;
using Vae.Shared.Sweeps;
using static Vae.Worker.Training.SnapshotFile;

namespace Vae.Worker.Training;

/// <summary>Reads a checkpoint and believes nothing that it has not checked. Whether a trial's tensors fit its model is checked where the trial is restored.</summary>
internal sealed class SnapshotReader
{
    private const int ReportFixed = 2;
    private const int RatesMax = 1 << 20;

    private readonly SafetensorsFile _file;
    private readonly string _shownAs;
    private readonly PackSnapshot _snapshot = new();

    private SnapshotReader(SafetensorsFile file, string shownAs) => (_file, _shownAs) = (file, shownAs);

    /// <summary>See <see cref="PackSnapshot.Read(Stream, string, int?)"/>.</summary>
    public static PackSnapshot Read(Stream stream, string shownAs, int? only)
    {
        using var file = SafetensorsFile.Read(stream, shownAs);
        return new SnapshotReader(file, shownAs).Read(only);
    }

    private PackSnapshot Read(int? only)
    {
        if (!_file.Metadata.TryGetValue(Kind, out var version)) throw Fault($"this is no checkpoint: its header has no `{Kind}`");
        if (version != Text(SnapshotFile.Version)) throw Fault($"it is a checkpoint of format version {version}, and this program reads version {SnapshotFile.Version}; use the program that wrote it");
        (_snapshot.Signature, _snapshot.Slots) = (new PackSignature(Entry(Signature)), (int)Number(Slots, 1, PackSnapshot.SlotsMax));
        _snapshot.Progress = new(Number(Position, 0, long.MaxValue), Number(Orders, 0, long.MaxValue), Number(Closed, 0, 1) == 1, Number(Due, 0, 1) == 1);
        var trials = Trials();
        var tensors = Group(trials.Keys);
        if (only is { } wanted && !trials.ContainsKey(wanted)) throw Fault($"trial {wanted} is not in it; it holds {(trials.Count == 0 ? "none" : string.Join(", ", trials.Keys))}");
        foreach (var (index, spec) in trials)
        {
            if (only is null || only == index) Take(_snapshot.Add(), spec, tensors[index]);
        }

        if (only is null) TakeWaiting();
        return _snapshot;
    }

    private void TakeWaiting()
    {
        foreach (var (key, json) in _file.Metadata.Where(entry => entry.Key.StartsWith(WaitingPrefix, StringComparison.Ordinal)))
        {
            if (!int.TryParse(key.AsSpan(WaitingPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var slot) || key != WaitingPrefix + Text(slot) || !_snapshot.Trials.Any(trial => trial.Slot == slot))
                throw Fault($"`{key}` names no slot in which a trial is");
            _snapshot.AddWaiting(slot, Spec(key, json));
        }
    }

    private string Entry(string key) => _file.Metadata.TryGetValue(key, out var text) ? text : throw Fault($"the header has no `{key}`");

    private long Number(string key, long least, long most) =>
        long.TryParse(Entry(key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw Fault($"`{key}` is `{Entry(key)}`; a whole number of {least} to {most} is expected");

    private SortedDictionary<int, TrialSpec> Trials()
    {
        var found = new SortedDictionary<int, TrialSpec>();
        foreach (var (key, json) in _file.Metadata)
        {
            if (!key.StartsWith(TrialPrefix, StringComparison.Ordinal)) continue;
            var spec = Spec(key, json);
            if (key != TrialPrefix + Text(spec.Index)) throw Fault($"`{key}` cannot be used: its index is {spec.Index}");
            found.Add(spec.Index, spec);
        }

        return found.Count <= _snapshot.Slots ? found : throw Fault($"it holds {found.Count} trials, and its pack has {_snapshot.Slots} slots");
    }

    private TrialSpec Spec(string key, string json)
    {
        try
        {
            var spec = TrialSpecJson.Read(Encoding.UTF8.GetBytes(json));
            return PackSignature.Of(spec) == _snapshot.Signature ? spec : throw new FormatException($"it is {PackSignature.Of(spec)}, and the pack is {_snapshot.Signature}");
        }
        catch (FormatException exception)
        {
            throw new SafetensorsException(_shownAs, null, $"`{key}` cannot be used: {exception.Message.TrimEnd('.')}", exception);
        }
    }

    // The tensors of each trial in the order of their bytes.
    private Dictionary<int, List<TensorEntry>> Group(IEnumerable<int> trials)
    {
        var groups = trials.ToDictionary(index => index, _ => new List<TensorEntry>());
        foreach (var tensor in _file.Tensors.Values.OrderBy(tensor => tensor.Begin))
        {
            var point = tensor.Name.IndexOf('.', StringComparison.Ordinal);
            if (point < 1 || !int.TryParse(tensor.Name.AsSpan(0, point), NumberStyles.None, CultureInfo.InvariantCulture, out var index) || !groups.TryGetValue(index, out var own))
                throw Fault("it belongs to no trial of this checkpoint", tensor.Name);
            own.Add(tensor);
        }

        return groups;
    }

    private void Take(TrialSnapshot trial, TrialSpec spec, List<TensorEntry> entries)
    {
        (trial.Trial, trial.ShownAs) = (spec, _shownAs);
        TakeCounters(trial, NameOf(spec.Index, Counters));
        var sums = Exactly(NameOf(spec.Index, Figures), FigureCount, _file.Doubles);
        (trial.Seconds, trial.LossSum) = (sums[0], sums[1]);
        TakeReport(trial, spec);
        TakeValues(trial, entries);
    }

    private void TakeCounters(TrialSnapshot trial, string name)
    {
        var values = Exactly(name, CounterCount, _file.Integers);
        trial.Slot = (int)Within(values[0], 0, _snapshot.Slots - 1, "slot");
        trial.Step = new(Within(values[1], 0, long.MaxValue, "step"));
        trial.EpochsDone = (int)Within(values[2], 0, int.MaxValue, "epochs_done");
        trial.StepOfEpoch = (int)Within(values[3], 0, int.MaxValue, "step_of_epoch");
        trial.OptimizerSteps = Within(values[4], 0, long.MaxValue, "optimizer_steps");
        trial.LossSteps = (int)Within(values[5], 0, int.MaxValue, "loss_steps");
        trial.EvaluationDue = Within(values[6], 0, 1, "evaluation_due") == 1;
        trial.Report = Within(values[7], -1, int.MaxValue, "active_units") is >= 0 and var units ? new HeldOutReport(0, 0, (int)units, []) : null;
        foreach (var other in _snapshot.Trials)
            if (other != trial && other.Slot == trial.Slot)
                throw Fault($"trial {other.Trial.Index} is in slot {trial.Slot} too", name);

        long Within(long value, long least, long most, string meaning) => value >= least && value <= most ? value : throw Fault($"{meaning} is {value}; {least} to {most} is expected", name);
    }

    private void TakeReport(TrialSnapshot trial, TrialSpec spec)
    {
        if (trial.Report is not { } report) return;
        var name = NameOf(spec.Index, SnapshotFile.Report);
        var shape = _file.Find(name).Shape;
        // How many rate columns there are is the objective's affair.
        if (shape.Count != 1 || shape[0] is < ReportFixed or > ReportFixed + RatesMax) throw Fault($"its shape is [{string.Join(", ", shape)}] where one dimension of {ReportFixed} to {ReportFixed + RatesMax} is expected", name);
        var values = _file.Doubles(name);
        var figures = _file.Metadata.TryGetValue(FiguresPrefix + Text(spec.Index), out var text) ? FiguresText.Read(text) : [];
        if (figures is null) throw Fault($"`{FiguresPrefix}{spec.Index}` is `{text}`, which is no list of figures");
        trial.Report = new HeldOutReport(values[0], values[1], report.ActiveUnits, values[ReportFixed..]) { Figures = figures };
    }

    private void TakeValues(TrialSnapshot trial, List<TensorEntry> entries)
    {
        var tensors = new List<TrialTensor>(entries.Count);
        var length = 0L;
        foreach (var entry in entries)
        {
            var name = entry.Name[(entry.Name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            if (entry.Type != TensorType.F32)
            {
                if (name is Counters or Figures || (name == SnapshotFile.Report && trial.Report is not null)) continue;
                throw Fault($"a checkpoint has no such tensor of type {entry.Type}", entry.Name);
            }

            var elements = entry.ByteLength / sizeof(float);
            if (length + elements > Array.MaxLength) throw Fault("the trial's tensors are too large for one array", entry.Name);
            tensors.Add(new TrialTensor(name, [.. entry.Shape], (int)length, (int)elements));
            length += elements;
        }

        trial.Shape(tensors, (int)length);
        for (var i = 0; i < tensors.Count; i++)
        {
            var part = trial.Values.Span.Slice(tensors[i].Start, tensors[i].Length);
            _file.CopyTo(NameOf(trial.Trial.Index, tensors[i].Name), MemoryMarshal.AsBytes(part));
        }
    }

    // Looked at before it is read, so that a wrong size costs no memory.
    private T[] Exactly<T>(string name, int count, Func<string, T[]> read)
    {
        var shape = _file.Find(name).Shape;
        return shape.Count == 1 && shape[0] == count ? read(name) : throw Fault($"its shape is [{string.Join(", ", shape)}] where [{count}] is expected", name);
    }

    private SafetensorsException Fault(string text, string? tensor = null) => new(_shownAs, tensor, text);
}
