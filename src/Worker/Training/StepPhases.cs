namespace Vae.Worker.Training;

/// <summary>The parts of a training step, in order.</summary>
public enum StepPhase
{
    Load,
    Forward,
    Backward,
    AllReduce,
    Update,
}

/// <summary>A stopwatch that is told when a phase ends. Allocates nothing.</summary>
/// <param name="time">Default: the system's.</param>
public sealed class StepClock(TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly long[] _ticks = new long[5];
    private long _last;

    /// <summary>Time of the current step so far, in seconds.</summary>
    public double StepSeconds { get; private set; }

    /// <summary>
    /// Time that the step's gradients were being exchanged, in seconds. With overlap a part of it lies in <see cref="StepPhase.Backward"/>; <see cref="StepPhase.AllReduce"/>
    /// is what training stood still for.
    /// </summary>
    public double ExchangeSeconds
    {
        get => Math.Max(field, Seconds(StepPhase.AllReduce));
        set;
    }

    /// <summary>Starts a step.</summary>
    public void Begin()
    {
        Array.Clear(_ticks);
        _last = _time.GetTimestamp();
        (StepSeconds, ExchangeSeconds) = (0, 0);
    }

    /// <summary>Ends <paramref name="phase"/>; the next one begins.</summary>
    public void End(StepPhase phase)
    {
        var now = _time.GetTimestamp();
        _ticks[(int)phase] += now - _last;
        StepSeconds += (double)(now - _last) / _time.TimestampFrequency;
        _last = now;
    }

    /// <summary>Time of <paramref name="phase"/> in the current step, in seconds.</summary>
    public double Seconds(StepPhase phase) => (double)_ticks[(int)phase] / _time.TimestampFrequency;
}
