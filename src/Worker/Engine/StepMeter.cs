using System.Diagnostics;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>Counts what this worker does, on all its lanes.</summary>
public sealed class StepMeter(NodeId worker, VaeMetrics metrics)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PackId, double> _slowdowns = []; // Of packs on which this worker is slower than its peers: one per lane at most.
    private readonly Dictionary<PackId, LinkReport> _links = []; // Of packs whose ring goes over links: one per lane at most.
    private long _steps;
    private long _rows;
    private double _seconds;
    private double _waiting;
    private long _sampledAt = Stopwatch.GetTimestamp();
    private long _sampledSteps;
    private long _sampledRows;
    private double _sampledSeconds;
    private double _sampledWaiting;

    /// <summary>A step of <paramref name="trials"/> trials was applied; this replica computed <paramref name="rows"/> rows of it.</summary>
    public void Step(StepClock clock, int trials, int rows)
    {
        lock (_gate)
        {
            _seconds += clock.StepSeconds;
            _waiting += clock.Seconds(StepPhase.AllReduce);
            _rows += rows;
            _steps += trials;
        }

        metrics.Trained(worker, trials, rows);
        for (var phase = StepPhase.Load; phase <= StepPhase.Update; phase++)
        {
            metrics.StepPhase(VaeMetrics.StepPhases[(int)phase], TimeSpan.FromSeconds(clock.Seconds(phase)));
        }
    }

    /// <summary>What the step's all-reduce sent, how long it waited for peers, and how long it took, hidden behind backward or not.</summary>
    public void AllReduced(long bytesSent, TimeSpan waited, TimeSpan busy) => metrics.AllReduced(worker, bytesSent, waited, busy);

    /// <summary>A checkpoint is stored.</summary>
    public void CheckpointStored() => metrics.CheckpointWritten(worker);

    /// <summary>A checkpoint could not be stored.</summary>
    public void CheckpointFailed() => metrics.CheckpointFailed(worker);

    /// <summary>How many times as long as its peers this worker takes for a row of a pack; 1 when it is like them, alone, or done with it.</summary>
    public void Compared(PackId pack, double slowdown)
    {
        lock (_gate)
        {
            if (slowdown > 1) _slowdowns[pack] = slowdown;
            else _slowdowns.Remove(pack);
        }
    }

    /// <summary>What the link from this worker to the next of a pack's ring is like; null when there is none any more.</summary>
    public void Linked(PackId pack, LinkReport? link)
    {
        lock (_gate)
        {
            if (link is not null) _links[pack] = link;
            else _links.Remove(pack);
        }
    }

    /// <summary>Totals, and rates since the sample before. Called from one place.</summary>
    public WorkerLoad Sample()
    {
        var now = Stopwatch.GetTimestamp();
        var elapsed = Stopwatch.GetElapsedTime(_sampledAt, now).TotalSeconds;
        long steps, rows;
        double seconds, waiting, slowdown;
        LinkReport? link;
        lock (_gate)
        {
            (steps, rows, seconds, waiting, slowdown) = (_steps, _rows, _seconds, _waiting, _slowdowns.Count == 0 ? 1 : _slowdowns.Values.Max());
            link = _links.Values.MaxBy(one => one.Slowdown);
        }

        var training = seconds - _sampledSeconds;
        var load = new WorkerLoad(
            0, steps, rows, (steps - _sampledSteps) / elapsed, (rows - _sampledRows) / elapsed, Environment.WorkingSet,
            training > 0 ? (waiting - _sampledWaiting) / training : 0, slowdown, link);
        (_sampledAt, _sampledSteps, _sampledRows, _sampledSeconds, _sampledWaiting) = (now, steps, rows, seconds, waiting);
        return load;
    }
}
