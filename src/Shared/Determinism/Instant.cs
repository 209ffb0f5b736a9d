namespace Vae.Shared.Determinism;

/// <summary>A point on the host's monotonic clock: the time since the host started. Never wall-clock time.</summary>
public readonly record struct Instant(TimeSpan SinceStart) : IComparable<Instant>
{
    /// <summary>The start of the host.</summary>
    public static readonly Instant Zero = new(TimeSpan.Zero);

    /// <inheritdoc/>
    public int CompareTo(Instant other) => SinceStart.CompareTo(other.SinceStart);

    /// <summary>The time from <paramref name="earlier"/> to <paramref name="later"/>.</summary>
    public static TimeSpan operator -(Instant later, Instant earlier) => later.SinceStart - earlier.SinceStart;

    /// <summary>The instant <paramref name="span"/> after <paramref name="instant"/>.</summary>
    public static Instant operator +(Instant instant, TimeSpan span) => new(instant.SinceStart + span);

    /// <summary>Earlier.</summary>
    public static bool operator <(Instant left, Instant right) => left.SinceStart < right.SinceStart;

    /// <summary>Later.</summary>
    public static bool operator >(Instant left, Instant right) => left.SinceStart > right.SinceStart;

    /// <summary>Earlier or equal.</summary>
    public static bool operator <=(Instant left, Instant right) => left.SinceStart <= right.SinceStart;

    /// <summary>Later or equal.</summary>
    public static bool operator >=(Instant left, Instant right) => left.SinceStart >= right.SinceStart;
}
