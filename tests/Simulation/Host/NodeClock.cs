using Vae.Shared.Determinism;

namespace Vae.Tests.Simulation.Host;

/// <summary>A node's own clock: it starts at zero with the process, may run a little fast or slow, and may jump ahead; it never goes back.</summary>
internal sealed class NodeClock(Timeline timeline)
{
    private TimeSpan _startedAt;
    private TimeSpan _ahead;

    /// <summary>Seconds on it per second of the run.</summary>
    public double Rate { get; set; } = 1;

    public Instant Now => new(((timeline.Now - _startedAt) * Rate) + _ahead);

    public void Start() => (_startedAt, _ahead) = (timeline.Now, TimeSpan.Zero);

    public void Jump(TimeSpan by) => _ahead += by;

    /// <summary>How long something takes that lasts so long on this clock.</summary>
    public TimeSpan Real(TimeSpan duration) => Rate == 1 ? duration : duration / Rate;
}
