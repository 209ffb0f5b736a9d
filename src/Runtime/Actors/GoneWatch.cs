using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>Tells the process that actors are gone for good: some processes have nothing left to do then, and must not live on as if they had.</summary>
/// <param name="watched">The actors, alive when this one starts.</param>
/// <param name="gone">Called on this actor's turn; must not block.</param>
public sealed class GoneWatch(IReadOnlyList<ActorId> watched, Action<ActorId, string> gone) : IActor
{
    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started:
                foreach (var actor in watched) effects.Watch(actor);
                break;
            case Signal.Terminated terminated: gone(terminated.Actor, terminated.Reason); break;
            default: break;
        }
    }
}
