namespace Vae.Worker.Engine;

/// <summary>
/// When the next checkpoint is due: so that what they cost, measured, stays within a share of the training time, and at least <see cref="LeastApart"/> apart. Before the first one its cost is
/// guessed from the bytes. After one that could not be stored there are growing pauses.
/// </summary>
/// <param name="budget">Share of the time, 0 for never.</param>
internal sealed class CheckpointPace(double budget)
{
    /// <summary>Least time between two of them.</summary>
    public static readonly TimeSpan LeastApart = TimeSpan.FromSeconds(10);

    /// <summary>Longest pause after failures.</summary>
    public static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(5);

    // As good as never; a time of training can still be added to it, which the greatest time span does not allow.
    private static readonly TimeSpan ApartMax = TimeSpan.FromDays(3_650);

    private const double GuessedBytesPerSecond = 3e8; // Copying, hashing and sending on one slow core.

    private TimeSpan? _due;
    private TimeSpan _pause;

    /// <summary>Whether one is due at <paramref name="now"/>.</summary>
    /// <param name="now">Time of training, from any origin.</param>
    /// <param name="bytes">How long it would be, about.</param>
    public bool IsDue(TimeSpan now, long bytes)
    {
        if (budget <= 0) return false;
        _due ??= now + Apart(TimeSpan.FromSeconds(bytes / GuessedBytesPerSecond));
        return now >= _due;
    }

    /// <summary>One that was begun at <paramref name="begun"/> is stored, and has cost this much processor time in all.</summary>
    public void Stored(TimeSpan begun, TimeSpan cost)
    {
        _pause = TimeSpan.Zero;
        _due = begun + Apart(cost);
    }

    /// <summary>One could not be stored.</summary>
    public void Failed(TimeSpan now)
    {
        _pause = _pause == TimeSpan.Zero ? LeastApart : _pause + _pause < PauseMax ? _pause + _pause : PauseMax;
        _due = now + _pause;
    }

    private TimeSpan Apart(TimeSpan cost)
    {
        var seconds = budget > 0 ? cost.TotalSeconds / budget : double.PositiveInfinity;
        return seconds < ApartMax.TotalSeconds ? TimeSpan.FromSeconds(Math.Max(seconds, LeastApart.TotalSeconds)) : ApartMax;
    }
}
