using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>One worker of a gang: what it holds outlives its generations.</summary>
internal sealed class Member : ITrainingListener, IDisposable
{
    private readonly SortedDictionary<(int Trial, long Step), double> _losses = [];
    private readonly List<(int Trial, long Step)> _unsettled = [];
    private readonly RowLedger _ledger;

    public Member(string name, Func<PackTrainer> pack, RowLedger ledger)
    {
        (Name, Trainer, _ledger) = (name, pack(), ledger);
        Trainer.Witness = (trial, step, rows) => ledger.Take(trial.Index, step.Value, Generation, rows);
    }

    public string Name { get; }

    public PackTrainer Trainer { get; }

    public SlotOrders Orders { get; } = new();

    public KeptEnds Ends { get; } = new();

    public LoopbackRingTransport Transport { get; } = new();

    public int Generation { get; private set; }

    /// <summary>Hears how many acts of the generation are done.</summary>
    public Action<int>? Acted { get; private set; }

    private int _acts;

    /// <summary>A generation begins.</summary>
    public void Begin(int generation, Action<int>? acted) => (Generation, Acted, _acts) = (generation, acted, 0);

    /// <summary>It has not trained yet, and has nobody's state.</summary>
    public bool IsNew { get; set; } = true;

    /// <summary>Losses by trial and step, of the steps that this rank applied itself.</summary>
    public IReadOnlyDictionary<(int Trial, long Step), double> Losses => _losses;

    public List<(int Trial, long Step, HeldOutReport Report)> Evaluations { get; } = [];

    /// <summary>Hears of each end before it is kept.</summary>
    public Action<SlotEnd>? Ended { get; set; }

    /// <summary>Hears of slots, and the trials in them, that are soon through.</summary>
    public Action<int, int>? Ending { get; set; }

    public void SlotEnding(int slot) => Ending?.Invoke(slot, Trainer.TrialAt(slot)!.Index);

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds)
    {
        var trial = Trainer.TrialAt(slot)!.Index;
        _losses[(trial, step.Value)] = distortion + (beta * rate);
        _unsettled.Add((trial, step.Value));
    }

    /// <summary>The generation is over and this rank lives on: what it applied counts.</summary>
    public void Settle()
    {
        foreach (var (trial, step) in _unsettled) _ledger.Apply(trial, step, Generation);
        _unsettled.Clear();
    }

    public void StepTimed(StepClock clock, int trials, int rows) { }

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) => Evaluations.Add((Trainer.TrialAt(slot)!.Index, step.Value, report));

    public void ActDone(long position) => Acted?.Invoke(++_acts);

    public void SlotEnded(SlotEnd end)
    {
        Ended?.Invoke(end);
        Ends.Add(end, end.Kind == SlotEndKind.Done ? Trainer.Extract(end.Slot) : null);
    }

    /// <summary>Final weights by trial.</summary>
    public SortedDictionary<int, float[]> FinalWeights()
    {
        var weights = new SortedDictionary<int, float[]>();
        foreach (var end in Ends.All)
        {
            using var scope = torch.NewDisposeScope();
            if (end.Network is { } network) weights[end.End.Trial.Index] = [.. network.state_dict().SelectMany(entry => entry.tensor.ToArray<float>())];
        }

        return weights;
    }

    /// <summary>Everything that ranks at one position have in common, as bytes; wall times are not among them.</summary>
    public byte[] State()
    {
        var snapshot = new PackSnapshot();
        Trainer.Save(snapshot);
        foreach (var trial in snapshot.Trials) trial.Seconds = 0;
        using var bytes = new MemoryStream();
        snapshot.WriteTo(bytes);
        return bytes.ToArray();
    }

    public void Dispose()
    {
        Trainer.Dispose();
        Ends.Dispose();
        Transport.Dispose();
    }
}
