using System.Threading.Channels;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Runtime.Actors;

/// <summary>A message that reached an <see cref="Inbox"/>.</summary>
public readonly record struct Mail(ActorId Sender, Message Message);

/// <summary>Lets code outside the actors (a command, an HTTP request) receive messages: an actor that only keeps what it is told.
/// Holds at most 10,000 unread messages; more are dropped, oldest first, because a slow reader must not fill the memory.</summary>
public sealed class Inbox : IActor
{
    private const int Capacity = 10_000;

    private readonly Channel<Mail> _mail = Channel.CreateBounded<Mail>(
        new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = false, SingleWriter = true });

    /// <summary>The address to give to senders.</summary>
    public required ActorId Id { get; init; }

    /// <summary>What was received, in order, without <see cref="Signal.Started"/>.</summary>
    public ChannelReader<Mail> Reader => _mail.Reader;

    void IActor.Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        if (message is not Signal.Started) _mail.Writer.TryWrite(new(sender, message));
    }
}
