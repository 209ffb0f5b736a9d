using System.Diagnostics;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>Counts what this worker does. Written by the training thread alone, read by others; a torn rate is of no consequence.</summary>
public sealed class StepMeter(NodeId worker, VaeMetrics metrics)
{
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
    public void Step(SweepId sweep, StepClock clock, int trials, int rows)
    {
        Volatile.Write(ref _seconds, _seconds + clock.StepSeconds);
        Volatile.Write(ref _waiting, _waiting + clock.Seconds(StepPhase.AllReduce));
        Volatile.Write(ref _rows, _rows + rows);
        Volatile.Write(ref _steps, _steps + trials);
        metrics.Trained(sweep, worker, trials, rows);
        for (var phase = StepPhase.Load; phase <= StepPhase.Update; phase++)
        {
            metrics.StepPhase(VaeMetrics.StepPhases[(int)phase], TimeSpan.FromSeconds(clock.Seconds(phase)));
        }
    }

    /// <summary>What the step's all-reduce sent, how long it waited for peers, how long it took, and how long training stood still for it.</summary>
    public void AllReduced(long bytesSent, TimeSpan waited, TimeSpan busy, TimeSpan exposed) => metrics.AllReduced(worker, bytesSent, waited, busy, exposed);

    /// <summary>Totals, and rates since the sample before. Called from one place.</summary>
    public WorkerLoad Sample()
    {
        var now = Stopwatch.GetTimestamp();
        var elapsed = Stopwatch.GetElapsedTime(_sampledAt, now).TotalSeconds;
        var (steps, rows, seconds, waiting) = (Volatile.Read(ref _steps), Volatile.Read(ref _rows), Volatile.Read(ref _seconds), Volatile.Read(ref _waiting));
        var training = seconds - _sampledSeconds;
        var load = new WorkerLoad(
            0, steps, rows, (steps - _sampledSteps) / elapsed, (rows - _sampledRows) / elapsed, Environment.WorkingSet,
            training > 0 ? (waiting - _sampledWaiting) / training : 0);
        (_sampledAt, _sampledSteps, _sampledRows, _sampledSeconds, _sampledWaiting) = (now, steps, rows, seconds, waiting);
        return load;
    }
}
