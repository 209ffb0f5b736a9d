using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>What the runner knows of one worker of its gang.</summary>
/// <param name="member">Who it is.</param>
/// <param name="since">When it became one of the gang.</param>
internal sealed class PackMember(GangMember member, Instant since)
{
    public GangMember Member { get; set; } = member;

    public NodeId Worker => Member.Worker;

    public WorkerProcess Process => Member.Process;

    /// <summary>When it was given to the gang; in an attempt that is adopted, when placement had it back.</summary>
    public Instant Since { get; set; } = since;

    /// <summary>It took its assignment.</summary>
    public bool Accepted { get; set; }

    /// <summary>Data and model are in place.</summary>
    public bool Ready { get; set; }

    /// <summary>It is in step with the gang, or was: what it holds is the attempt's state. A joiner holds what the attempt began with, which may be long past.</summary>
    public bool HasState { get; set; }

    /// <summary>It has done an act of this generation.</summary>
    public bool Trains { get; set; }

    /// <summary>It has answered the order to halt this generation: it lives.</summary>
    public bool Heard { get; set; }

    /// <summary>It stands still since this generation.</summary>
    public bool Halted { get; set; }

    /// <summary>It says that the pack is closed and empty.</summary>
    public bool Done { get; set; }

    /// <summary>Acts it has done; meaningless while it trains.</summary>
    public long Position { get; set; }

    /// <summary>Its connection to the coordinator is broken.</summary>
    public bool Broken { get; set; }

    /// <summary>Since when; meaningless while it stands.</summary>
    public Instant BrokenAt { get; set; }

    /// <summary>A peer has named it silent in this generation.</summary>
    public bool Named { get; set; }

    /// <summary>How often peers did so in this generation and in those before that came to nothing.</summary>
    public int Accusations { get; set; }

    /// <summary>Why its worker leaves; empty while it stays.</summary>
    public string Leaving { get; set; } = "";

    /// <summary>It has applied all slot orders up to this one.</summary>
    public long OrdersApplied { get; set; }

    /// <summary>Halted or done: it can be given a generation.</summary>
    public bool StandsStill => Halted || Done;

    public void BeginGeneration() => (Trains, Heard, Halted, Done, Named) = (false, false, false, false, false);
}

/// <summary>The members of the current generation, in rank order, and the workers that are about to join.</summary>
internal sealed class Roster
{
    private readonly HashSet<WorkerProcess> _former = []; // Let go by this runner. Looked up only.

    public List<PackMember> Members { get; } = [];

    public List<PackMember> Joiners { get; } = [];

    public ValueList<WorkerProcess> Processes => Members.Select(member => member.Process).ToValueList();

    public IEnumerable<PackMember> All => Members.Concat(Joiners);

    public PackMember? Find(NodeId worker) => Members.Find(member => member.Worker == worker) ?? Joiners.Find(joiner => joiner.Worker == worker);

    public bool IsJoiner(PackMember member) => Joiners.Contains(member);

    public bool WasLetGo(WorkerProcess worker) => _former.Contains(worker);

    /// <summary>Placement has given it to the gang (again).</summary>
    public PackMember AddJoiner(GangMember member, Instant now)
    {
        _former.Remove(member.Process);
        var joiner = new PackMember(member, now);
        Joiners.Add(joiner);
        return joiner;
    }

    /// <summary>It is of the gang no more.</summary>
    public void Remove(PackMember member)
    {
        if (!Members.Remove(member)) Joiners.Remove(member);
        _former.Add(member.Process);
    }

    /// <summary>The members of the next generation, in this order.</summary>
    public void Reform(IReadOnlyList<PackMember> next)
    {
        Members.Clear();
        Members.AddRange(next);
        Joiners.RemoveAll(next.Contains);
    }
}
