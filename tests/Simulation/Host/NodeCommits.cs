using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Tests.Simulation.Host;

/// <summary>A process's way into the store: one writer, so commits end in the order in which they were asked for; where a process that dies leaves facts without their effects.</summary>
internal sealed class NodeCommits(SimulatedNode node)
{
    private readonly Queue<TimeSpan?> _errors = new();
    private readonly Queue<TimeSpan?> _crashesAfter = new();
    private readonly Queue<Action> _writes = new();
    private TimeSpan _last;
    private TimeSpan _stalledUntil;

    private SimulatedCluster Cluster => node.Cluster;

    public void FailNext(TimeSpan? restartAfter) => _errors.Enqueue(restartAfter);

    public void CrashAfterNext(TimeSpan? restartAfter) => _crashesAfter.Enqueue(restartAfter);

    public void Stall(TimeSpan duration) => _stalledUntil = Later(_stalledUntil, Cluster.Now + duration);

    /// <summary>A new life of the process begins with nothing under way. A store that stalls does so for the next life too.</summary>
    public void Forget()
    {
        _last = TimeSpan.Zero;
        _writes.Clear();
    }

    public void EndFaults()
    {
        _errors.Clear();
        _crashesAfter.Clear();
        _stalledUntil = TimeSpan.Zero;
    }

    /// <summary>Does something when all that was asked for before is done and the store takes it.</summary>
    public void Enqueue(TimeSpan duration, Action write)
    {
        _last = Later(_last, Cluster.Now + duration);
        _writes.Enqueue(write);
        node.LaterAt(_last, WriteNext);
    }

    /// <summary>The point between "durable" and "known".</summary>
    public void Commit(ActorId author, IReadOnlyList<DomainEvent> facts, Action done) => Enqueue(Cluster.CommitDelay(), () =>
    {
        if (TakeArmed(_errors, Cluster.StoreErrorChance(), out var restart))
        {
            var durable = Cluster.Coin() && Cluster.Store.Admits(node.Role, node.Term);
            Cluster.Count(durable ? FaultKind.StoreErrorYetDurable : FaultKind.StoreError, author, null, $"{facts.Count} facts");
            if (durable) Append(author, facts);
            node.Crash(restart);
        }
        else if (!IsFenced(author))
        {
            Append(author, facts);
            if (TakeArmed(_crashesAfter, Cluster.CrashAfterCommitChance(), out restart)) CrashBetween(author, restart);
            else done();
        }
    });

    /// <summary>True, and the end of the process, when a later one has taken over.</summary>
    public bool IsFenced(ActorId author)
    {
        if (Cluster.Store.Admits(node.Role, node.Term)) return false;
        Cluster.Count(FaultKind.Fenced, author, null, $"term {node.Term.Value}, newest {Cluster.Store.TermOf(node.Role).Value}");
        node.Crash(Cluster.Plan.RestartAfter);
        return true;
    }

    // A store that stalls keeps all writes where they are, in their order.
    private void WriteNext()
    {
        if (Cluster.Now < _stalledUntil) node.LaterAt(_stalledUntil, WriteNext);
        else if (_writes.TryDequeue(out var write)) write();
    }

    private void CrashBetween(ActorId author, TimeSpan? restart)
    {
        Cluster.Count(FaultKind.CrashAfterCommit, author, null, node.Id);
        node.Crash(restart);
    }

    private void Append(ActorId author, IReadOnlyList<DomainEvent> facts)
    {
        foreach (var fact in facts)
        {
            Cluster.Store.Append(author, node.Term, fact);
            Cluster.History.Note(Cluster.Now, "durable", author, fact);
        }
    }

    private bool TakeArmed(Queue<TimeSpan?> armed, bool chance, out TimeSpan? restart)
    {
        if (armed.TryDequeue(out restart)) return true;
        restart = Cluster.Plan.RestartAfter;
        return chance;
    }

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
