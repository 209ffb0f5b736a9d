using Vae.Shared.Determinism;

namespace Vae.Shared.Actors;

/// <summary>A state machine. It reads no clock, awaits nothing and touches no socket; it asks its host for effects.</summary>
public interface IActor
{
    /// <param name="sender">Who sent it; <see cref="ActorId.Host"/> for signals; the actor itself for its timers and job results.</param>
    /// <param name="message">One of the actor's own family, or a <see cref="Signal"/>.</param>
    /// <param name="now">The host's monotonic clock, sampled once per message.</param>
    /// <param name="effects">What the host shall do next, in this order, once every <see cref="Effect.Persist"/> among it is durable.</param>
    /// <remarks>An exception stops the actor: its effects of this message are dropped, and its supervisor restarts it (a fresh
    /// instance from the spawn's factory) with back-off, or gives up and tells the watchers.</remarks>
    void Receive(ActorId sender, Message message, Instant now, Effects effects);
}
