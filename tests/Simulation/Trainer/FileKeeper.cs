using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>
/// Keeps the folder of checkpoints to what the product's own book says is needed, by the rule of the shipped <c>CheckpointFolder</c>, which works on real folders: a file whose row may come in a moment stays. It hears
/// of facts as every observer does, after they are durable, and so may be late, also after another coordinator has taken over.
/// </summary>
internal sealed class FileKeeper : IActor
{
    private readonly NodeDisk _disk;
    private readonly SortedDictionary<string, SweepView> _views = new(StringComparer.Ordinal);

    public FileKeeper(NodeDisk disk, IReadOnlyList<SweepEvent> history)
    {
        _disk = disk;
        foreach (var fact in history) Apply(fact);
    }

    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        if (message is not ObserverMessage.FactRecorded { Fact: var fact }) return;
        var view = Apply(fact);
        if (fact is SweepEvent.CheckpointStored or SweepEvent.CheckpointRefused or SweepEvent.TrialEnded or SweepEvent.Ended) Trim(view);
    }

    private SweepView Apply(SweepEvent fact)
    {
        if (!_views.TryGetValue(fact.Sweep.Value, out var view)) _views[fact.Sweep.Value] = view = new SweepView(fact.Sweep);
        view.Apply(fact);
        return view;
    }

    private void Trim(SweepView view)
    {
        var needed = view.Checkpoints.Needed.Select(own => FakeReplica.FileOf(own.Pack, own.Attempt, own.Position)).ToHashSet();
        foreach (var name in _disk.Names.ToArray())
        {
            var (pack, attempt, position) = FakeReplica.OfFile(name);
            if (pack.Sweep != view.Id || needed.Contains(name)) continue;
            var mayGetItsRow = view.Packs.TryGetValue(pack.Number, out var row) && row.Attempt == attempt && position > row.CheckpointedTo;
            if (!mayGetItsRow) _disk.Delete(name);
        }
    }
}
