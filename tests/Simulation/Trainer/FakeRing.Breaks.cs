using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Simulation.Trainer;

/// <content>How a ring ends before its time: who notices what, and who had an act whole.</content>
internal sealed partial class FakeRing
{
    private const double CompletesAnyway = 0.3;

    // Alive, but not to be heard by all the others.
    private List<int> Silent()
    {
        List<int> silent = [];
        for (var rank = 0; rank < Size; rank++)
        {
            if (_ranks[rank]!.Node.IsPaused || !HearsAll(rank)) silent.Add(rank);
        }

        return silent;
    }

    private bool HearsAll(int rank)
    {
        for (var other = 0; other < Size; other++)
        {
            if (!world.Cluster.Data.IsOpen(_ranks[rank]!.Node, _ranks[other]!.Node)) return false;
        }

        return true;
    }

    private void WaitOrGiveUp(List<int> silent, Action again)
    {
        if (world.Cluster.Now - _waitsSince < FakeWorld.Deadline)
        {
            world.Cluster.Timeline.After(LookAgain, again);
            return;
        }

        world.Counts.SilentPeers++;
        _broken = true;
        world.Forget(this);
        for (var rank = 0; rank < Size; rank++) HaltSoon(rank, Accused(rank, silent));
    }

    // Who waits for a neighbour names it; who sees that one give up names that one: a word of a peer proves nothing.
    private ValueList<NodeId> Accused(int rank, List<int> silent)
    {
        if (!silent.Contains(rank) && silent.Count < Size && Prng.Chance(0.7)) return silent.Select(one => members[one]).ToValueList();
        return [members[(rank + Size - 1) % Size]];
    }

    private void GiveUpConnecting()
    {
        if (_begun || _broken || _joined == Size) return;
        _broken = true;
        world.Forget(this);
        var missing = members.Where((_, rank) => _ranks[rank] is null).ToValueList();
        for (var rank = 0; rank < Size; rank++) HaltSoon(rank, missing);
    }

    // One rank is out of it. What it had sent may have been enough for some of the others.
    private void BreakBy(int gone)
    {
        if (_over) return;
        _left |= 1 << gone;
        if (_broken) return;
        _broken = true;
        world.Forget(this);
        if (_begun && _act is { IsReduced: false } && Size > 2 - (_left == 0 ? 1 : 0) && Silent().Count == 0 && Prng.Chance(CompletesAnyway)) CompleteForSome(gone);
        for (var rank = 0; rank < Size; rank++)
        {
            if (rank != gone) HaltSoon(rank, [members[gone]]);
        }
    }

    private void CompleteForSome(int gone)
    {
        if (FakeEngine.FailureOf(_ranks[0]!.State) is not null) return;
        Reduce();
        for (var rank = 0; rank < Size; rank++)
        {
            if (rank != gone && Prng.Chance(0.5)) _ranks[rank]!.HoldsAct = true;
        }
    }

    private void HaltSoon(int rank, ValueList<NodeId> silent)
    {
        if (_ranks[rank] is not { } replica) return;
        replica.Later(Prng.Between(TimeSpan.FromMilliseconds(0.2), TimeSpan.FromMilliseconds(20)), () =>
        {
            if (replica.Ring != this) return;
            FinishAct(replica);
            replica.Halt(this, FailureKind.PeerLost, $"a peer is gone or silent: {silent}", silent);
        });
    }

    /// <summary>A rank that has all of an act applies it before it halts: training stops between acts only.</summary>
    public void FinishAct(FakeReplica replica)
    {
        if (!replica.HoldsAct) return;
        replica.HoldsAct = false;
        replica.Apply(_act!);
    }
}
