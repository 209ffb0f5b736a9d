using Vae.Shared;
using Vae.Shared.Actors;

namespace Vae.Tests.Simulation.Host;

/// <content>What each kind of fault does.</content>
public sealed partial class SimulatedCluster
{
    private const int EchoesMax = 4;

    /// <summary>Messages between nodes that may come again much later; null for none.</summary>
    public Func<Message, bool>? MayEcho { get; set; }

    /// <summary>Makes something go wrong at a moment of the run.</summary>
    public void InjectAt(TimeSpan moment, Fault fault) => Timeline.At(moment, () => Inject(fault));

    /// <summary>Makes something go wrong now. Ignored once the faults have ended.</summary>
    public void Inject(Fault fault)
    {
        if (_faultsEnded) return;
        switch (fault)
        {
            case Fault.Crash crash when Node(crash.Node).IsAlive: Count(FaultKind.Crash, null, null, crash); Node(crash.Node).Crash(crash.RestartAfter); break;
            case Fault.Crash: break;
            case Fault.Restart restart: StartAgain(Node(restart.Node)); break;
            case Fault.Pause pause: Count(FaultKind.Pause, null, null, pause); Node(pause.Node).Pause(pause.For); break;
            case Fault.Partition cut: Count(FaultKind.Partition, null, null, cut); Block(cut.One, cut.Other, cut.For); Block(cut.Other, cut.One, cut.For); break;
            case Fault.OneWayPartition cut: Count(FaultKind.OneWayPartition, null, null, cut); Block(cut.From, cut.To, cut.For); break;
            case Fault.Isolate cut: Count(FaultKind.Partition, null, null, cut); Isolate(cut); break;
            case Fault.Disconnect cut: Cut(cut); break;
            case Fault.CrashAfterCommit crash: Node(crash.Node).Commits.CrashAfterNext(crash.RestartAfter); break;
            case Fault.StoreError error: Node(error.Node).Commits.FailNext(error.RestartAfter); break;
            case Fault.StoreStall stall: Count(FaultKind.StoreStall, null, null, stall); Node(stall.Node).Commits.Stall(stall.For ?? TimeSpan.MaxValue / 2); break;
            case Fault.LoseLeadership lose: LoseLeadership(lose); break;
            case Fault.ClockJump jump: Count(FaultKind.ClockJump, null, null, jump); Node(jump.Node).JumpClock(jump.By); break;
            case Fault.Slow slow: Count(FaultKind.Slow, null, null, slow); Node(slow.Node).Slow(slow.Factor, slow.For); break;
            case Fault.DiskFull full: FillDisk(full); break;
            case Fault.WriteError error: Count(FaultKind.WriteError, null, null, error); Node(error.Node).Disk.ErrorsDue++; break;
            case Fault.BitFlip flip when Node(flip.Node).Disk.FlipBit(_storePrng.Next()): Count(FaultKind.BitFlip, null, null, flip); break;
            case Fault.BitFlip: break;
            case Fault.Terminate term: Terminate(term); break;
            case Fault.NetworkChange change: _network = change.Network; break;
            default: throw new InvalidOperationException($"No rule for {fault.GetType().Name}.");
        }
    }

    // Most of them soon: the next generation of a gang begins within a second.
    internal TimeSpan[] DrawEchoes(Message message)
    {
        if (MayEcho is null || !MayEcho(message) || !_echoPrng.Chance(_network.Echo)) return [];
        var delays = new TimeSpan[EchoesMax];
        for (var i = 0; i < delays.Length; i++) delays[i] = _network.EchoMax * Math.Pow(_echoPrng.NextDouble(), 3);
        return delays;
    }

    internal bool Echoes(Message message) => MayEcho is not null && _network.Echo > 0 && MayEcho(message);

    /// <summary>What was sent to a process of late comes again within a second, also what was lost: for scenarios that know when it would hurt most.</summary>
    public void EchoAllKept(SimulatedNode node)
    {
        foreach (var echo in node.TakeKept()) echo(_network.EchoMax * (0.05 * _echoPrng.NextDouble()));
    }

    private void Isolate(Fault.Isolate cut)
    {
        foreach (var peer in _nodes.Where(n => n.Id != cut.Node))
        {
            Block(cut.Node, peer.Id, cut.For);
            Block(peer.Id, cut.Node, cut.For);
        }
    }

    private void Block(NodeId from, NodeId to, TimeSpan? duration)
    {
        if (LinkBetween(from, to) is { } link)
        {
            link.Block(from, duration);
            return;
        }

        var (one, other) = (Node(from), Node(to));
        Data.Block(one, other);
        if (duration is { } wait) Timeline.After(wait, () => Data.Open(one, other));
    }

    private void Cut(Fault.Disconnect cut)
    {
        if (LinkBetween(cut.One, cut.Other) is { } link)
        {
            link.Cut();
        }
        else if (cut.One != cut.Other)
        {
            Count(FaultKind.DataCut, null, null, cut);
            Data.Cut(Node(cut.One), Node(cut.Other));
        }
    }

    private void StartAgain(SimulatedNode node)
    {
        if (node.Options.OnlyByFault && !node.IsAlive) Count(FaultKind.DoubleStart, null, null, node.Id);
        node.Restart();
    }

    // Until the process notices, at the latest with its next write, there are two that lead.
    private void LoseLeadership(Fault.LoseLeadership lose)
    {
        var node = Node(lose.Node);
        if (!node.Listens || !LeadershipOf(node.Role).IsHeldBy(node)) return;
        Count(FaultKind.LostLeadership, null, null, lose);
        LeadershipOf(node.Role).End(node);
        var life = node.Life;
        Timeline.After(lose.RestartAfter, () =>
        {
            if (node.Life == life) node.Crash(Plan.RestartAfter);
        });
    }

    private void FillDisk(Fault.DiskFull full)
    {
        Count(FaultKind.DiskFull, null, null, full);
        var disk = Node(full.Node).Disk;
        disk.IsFull = true;
        if (full.For is { } wait) Timeline.After(wait, () => disk.IsFull = false);
    }

    private void Terminate(Fault.Terminate term)
    {
        var node = Node(term.Node);
        if (!node.IsAlive || OnTerminate is null) return;
        Count(FaultKind.Terminate, null, null, term);
        OnTerminate(node, term);
    }

    private SimulatedLink? LinkBetween(NodeId one, NodeId other)
    {
        if (one == other) return null;
        var node = Node(one);
        return node.Links.Find(link => link.Joins(one, other));
    }
}
