using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>Decides after each crash whether an actor gets another life, and when.</summary>
internal sealed class RestartBudget(Supervision supervision)
{
    private readonly Queue<Instant> _restarts = new();

    /// <returns>The wait before the restart, or null when the actor is given up.</returns>
    public TimeSpan? Next(Instant now)
    {
        while (_restarts.TryPeek(out var oldest) && now - oldest > supervision.Window) _restarts.Dequeue();
        if (_restarts.Count >= supervision.RestartsMax) return null;

        _restarts.Enqueue(now);
        var doublings = Math.Min(_restarts.Count - 1, 30); // 2^30 x any minimum is far beyond any maximum.
        var wait = supervision.BackoffMin * Math.Pow(2, doublings);
        return wait < supervision.BackoffMax ? wait : supervision.BackoffMax;
    }
}
