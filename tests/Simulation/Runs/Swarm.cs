using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Runs;

/// <summary>
/// What goes wrong in a run. Each seed switches about half of all kinds of faults on (so that a kind is also met without the others, which would hide what it does), draws how often each strikes, and expands that
/// into a schedule that a failing run prints.
/// </summary>
internal sealed class Swarm
{
    private const ulong Stream = 0xFA18;
    private const ulong EchoStream = 0xEC40; // Of its own: the plans of seeds that were looked at before stay what they are.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(0.1);

    private readonly List<(TimeSpan At, Fault Fault)> _schedule = [];
    private readonly Prng _prng;
    private readonly NodeId[] _coordinators;
    private readonly NodeId[] _workers;
    private readonly TimeSpan _until;

    private Swarm(ulong seed, NodeId[] coordinators, NodeId[] workers, TimeSpan until) =>
        (_prng, _coordinators, _workers, _until) = (new Prng(seed).Fork(Stream), coordinators, workers, until);

    /// <summary>The plan of a seed.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="coordinators">All coordinators.</param>
    /// <param name="workers">All workers.</param>
    /// <param name="doubles">Processes that may be started beside a worker of their name.</param>
    /// <param name="until">When the faults end.</param>
    public static FaultPlan PlanOf(ulong seed, NodeId[] coordinators, NodeId[] workers, NodeId[] doubles, TimeSpan until)
    {
        var swarm = new Swarm(seed, coordinators, workers, until);
        swarm.AddWorkers();
        swarm.AddWires();
        swarm.AddCoordinators();
        swarm.AddDoubles(doubles);
        return new FaultPlan
        {
            Network = swarm.Network() with { Echo = EchoOf(seed) },
            CrashAfterCommit = swarm._prng.Chance(0.3) ? 0.01 : 0,
            StoreError = swarm._prng.Chance(0.2) ? 0.005 : 0,
            RestartAfter = swarm._prng.Between(Short, TimeSpan.FromSeconds(4)),
            Schedule = [.. swarm._schedule.OrderBy(entry => entry.At)],
            FaultsUntil = until,
        };
    }

    private NodeId Worker => _workers[_prng.NextBelow(_workers.Length)];

    private NodeId Coordinator => _coordinators[_prng.NextBelow(_coordinators.Length)];

    private void AddWorkers()
    {
        var size = Math.Max(1, _workers.Length / 4.0); // A larger cluster loses more workers in the same time.
        Often(size, 8, 40, () => new Fault.Crash(Worker, Outage(25)));
        Often(size, 8, 40, () => new Fault.Pause(Worker, Outage(45)));
        Often(size, 10, 60, () => new Fault.Terminate(Worker, Outage(10)));
        Often(size, 10, 60, () => new Fault.Slow(Worker, 2 + (_prng.NextDouble() * 20), Outage(40)));
        Often(size, 15, 90, () => new Fault.ClockJump(Worker, Outage(120)));
        Strike(size, 15, 60, at =>
        {
            for (var count = 2 + _prng.NextBelow(2); count > 0; count--) Add(at, new Fault.Crash(Worker, Outage(15))); // A host with several workers, a rack.
        });
    }

    private void AddWires()
    {
        var size = Math.Max(1, _workers.Length / 4.0);
        Often(size, 8, 40, () => new Fault.Disconnect(Worker, Coordinator));
        Often(size, 10, 50, () => Cut(Worker, Coordinator));
        Often(size, 10, 50, () => new Fault.Isolate(_prng.Chance(0.8) ? Worker : Coordinator, Outage(30)));
        Often(size, 6, 40, () => new Fault.Disconnect(Worker, Worker));
        Often(size, 8, 50, () => Cut(Worker, Worker));
    }

    private void AddCoordinators()
    {
        Often(1, 8, 40, () => new Fault.Crash(Coordinator, Outage(8)));
        Often(1, 12, 60, () => new Fault.Pause(Coordinator, Outage(20)));
        Often(1, 8, 40, () => new Fault.CrashAfterCommit(Coordinator, Outage(8)));
        Often(1, 10, 40, () => new Fault.StoreError(Coordinator, Outage(8)));
        Often(1, 10, 40, () => new Fault.StoreStall(Coordinator, Outage(15)));
        Often(1, 30, 90, () => new Fault.ClockJump(Coordinator, Outage(60)));
        Often(1, 5, 20, () => new Fault.LoseLeadership(Coordinator, Outage(25)));
        Often(1, 10, 40, () => new Fault.DiskFull(NodeId.Coordinator, Outage(15)));
        Often(1, 3, 15, () => new Fault.WriteError(NodeId.Coordinator));
        Often(1, 2, 15, () => new Fault.BitFlip(NodeId.Coordinator));
    }

    private void AddDoubles(NodeId[] doubles)
    {
        foreach (var node in doubles)
        {
            if (!_prng.Chance(0.5)) continue;
            var at = _prng.Between(TimeSpan.FromSeconds(2), _until * 0.8);
            Add(at, new Fault.Restart(node));
            Add(at + Outage(20), new Fault.Crash(node, null));
        }
    }

    private NetworkFaults Network()
    {
        double[] chances = [0, 0.005, 0.03, 0.1];
        var delay = _prng.NextBelow(4) switch { 0 => 300, 1 => 60, _ => 5 };
        return new NetworkFaults
        {
            Loss = chances[_prng.NextBelow(4)],
            Duplicate = chances[_prng.NextBelow(4)],
            Reorder = chances[_prng.NextBelow(4)],
            DelayMin = TimeSpan.FromMilliseconds(0.2),
            DelayMax = TimeSpan.FromMilliseconds(delay),
        };
    }

    private static double EchoOf(ulong seed)
    {
        double[] chances = [0, 0, 0.2, 1];
        return chances[new Prng(seed).Fork(EchoStream).NextBelow(4)];
    }

    private Fault Cut(NodeId one, NodeId other) => _prng.NextBelow(3) switch
    {
        0 => new Fault.OneWayPartition(one, other, Outage(40)),
        1 => new Fault.OneWayPartition(other, one, Outage(40)),
        _ => new Fault.Partition(one, other, Outage(40)),
    };

    private void Often(double size, int atBest, int atWorst, Func<Fault> make) => Strike(size, atBest, atWorst, at => Add(at, make()));

    private void Strike(double size, int atBest, int atWorst, Action<TimeSpan> strike)
    {
        var isOn = _prng.Chance(0.5);
        var mean = _prng.Between(TimeSpan.FromSeconds(atBest), TimeSpan.FromSeconds(atWorst)) / size;
        if (!isOn) return;
        for (var at = Gap(mean); at < _until; at += Gap(mean)) strike(at);
    }

    private void Add(TimeSpan at, Fault fault) => _schedule.Add((at, fault));

    private TimeSpan Gap(TimeSpan mean) => TimeSpan.FromTicks(1 + (long)(mean.Ticks * -Math.Log(1 - _prng.NextDouble())));

    // Most outages are short: the square of a uniform number leans towards zero.
    private TimeSpan Outage(double secondsMax)
    {
        var u = _prng.NextDouble();
        return Short + TimeSpan.FromSeconds(secondsMax * u * u);
    }
}
