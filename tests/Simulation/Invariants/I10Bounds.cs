using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Worker.Actors;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>I10: no queue exceeds its bound: mail that an actor has not handled, and points that a worker holds.</summary>
/// <param name="outboxMax">Points that an outbox may keep.</param>
internal sealed class I10Bounds(int outboxMax) : Invariant
{
    /// <summary>Letters that may wait for one actor: an eighth of a real mailbox, for here everybody is quick.</summary>
    public const int LettersMax = 8_192;

    private const int OneBatch = 512;

    public override void OnReceived(Watched watched, ActorId sender, ActorId target, Message message)
    {
        if (message is OutboxMessage.AddPoints && watched.Cluster.Actor<MetricsOutbox>(target) is { } outbox)
            Require(outbox.Held <= outboxMax + OneBatch, $"I10: {target} holds {outbox.Held} points");
        var waiting = watched.Cluster.LettersWaiting;
        Require(waiting <= LettersMax, $"I10: {waiting} letters wait for {target}");
    }
}
