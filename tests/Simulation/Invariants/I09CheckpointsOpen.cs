using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Tests.Simulation.Trainer;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I9: a checkpoint that the store names opens and matches its hash, when its row is written and when a trial is resumed from it, unless a fault has damaged it since; and a damaged one is never resumed from.</summary>
internal sealed class I09CheckpointsOpen : Invariant
{
    public override void OnFact(Watched watched, SweepEvent fact, Term term)
    {
        switch (fact)
        {
            case SweepEvent.CheckpointStored stored: RequireOpens(watched, stored.Checkpoint.Ref, fact); break;
            case SweepEvent.PackStarted started:
                foreach (var from in started.From.OfType<CheckpointRef>()) RequireOpens(watched, from, fact);
                break;
            case SweepEvent.SlotFilled { From: { } from }: RequireOpens(watched, from, fact); break;
            default: break;
        }
    }

    private static void RequireOpens(Watched watched, CheckpointRef from, SweepEvent fact)
    {
        var disk = watched.Cluster.DiskOf(NodeId.Coordinator);
        var name = FakeReplica.FileOf(from.Pack, from.Attempt, from.Position);
        if (disk.Damaged.Contains(name)) return;
        Require(disk.Read(name) is { } content && content.Length == from.Bytes && NodeDisk.Digest(content) == from.Sha256, $"I9: {name} is missing or is another file: {fact}");
    }
}
