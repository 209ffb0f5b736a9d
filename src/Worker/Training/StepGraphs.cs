using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>What the fixed part of a step depends on beside the contents of its buffers: equal shapes run the same operations on the same memory.</summary>
/// <param name="SlotsOfX">K, or 1 where all slots share their rows.</param>
/// <param name="SlotsOfNoise">K, or 1 where all slots share their noise.</param>
/// <param name="Rows">n.</param>
/// <param name="Masked">Whether latent dimensions are masked.</param>
/// <param name="Clipped">Whether some slot's gradient is clipped.</param>
/// <param name="SlotsOfLabels">K, or 1 where all slots share their labels; 0 where nobody wants any.</param>
internal readonly record struct StepShape(long SlotsOfX, long SlotsOfNoise, long Rows, bool Masked, bool Clipped, long SlotsOfLabels);

/// <summary>
/// Runs the parts of a step that are the same operations each time. On a CUDA device each is recorded as a graph after a few ordinary runs and replayed from then on: a small model's step is
/// hundreds of launches, which cost more than its work. Anywhere else, and where recording is refused, the part simply runs.
/// </summary>
internal sealed class StepGraphs : IDisposable
{
    // The first runs let libraries choose their algorithms and the allocator find its sizes; neither may happen while recording.
    private const int RunsBefore = 3;

    // Shapes beyond these (rare: the short last batch of an epoch, slots that part and meet again) run as they are.
    private const int GraphsMax = 8;

    private readonly Dictionary<(StepShape, Action), Entry> _entries = [];
    private readonly bool _enabled;

    private sealed class Entry
    {
        public int Runs { get; set; }

        public CudaGraph? Graph { get; set; }
    }

    public StepGraphs(torch.Device device) => _enabled = device.type == DeviceType.CUDA && torch.cuda.is_built();

    /// <summary>Why recording was given up; null while it was not.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Does <paramref name="part"/>, which must be the same delegate each time.</summary>
    public void Run(StepShape shape, Action part)
    {
        if (!_enabled || Refusal is not null)
        {
            part();
            return;
        }

        if (!_entries.TryGetValue((shape, part), out var entry))
        {
            entry = new Entry();
            _entries.Add((shape, part), entry);
        }

        if (entry.Graph is null && (entry.Runs++ < RunsBefore || _entries.Count > GraphsMax || !TryRecord(entry, part)))
        {
            part();
            return;
        }

        entry.Graph!.Replay();
    }

    /// <summary>Drops all recordings: other shapes will come.</summary>
    public void Forget()
    {
        foreach (var entry in _entries.Values) entry.Graph?.Dispose();
        _entries.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Forget();

    private bool TryRecord(Entry entry, Action part)
    {
        try
        {
            entry.Graph = CudaGraph.Record(part);
            return true;
        }
        catch (TorchException refused)
        {
            Refusal = refused.Message;
            return false;
        }
    }
}
