using System.Buffers;
using Vae.Runtime.Actors;
using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>What the frames of one connection mean: messages for actors here, and the few that the hosts say among themselves. Called for one frame at a time, in order.</summary>
internal sealed class ArrivedFrames(PeerConnection connection, Catalog catalog, IRemoteSink sink, RemotingCounters counters)
{
    /// <summary>Cuts the next whole frame off what has arrived.</summary>
    /// <exception cref="ProtocolException">It says that it is longer than a frame may be.</exception>
    public static bool TryTake(ref ReadOnlySequence<byte> rest, out FrameHeader header, out ReadOnlySequence<byte> body)
    {
        (header, body) = (default, default);
        if (rest.Length < FrameHeader.Size) return false;
        Span<byte> head = stackalloc byte[FrameHeader.Size];
        rest.Slice(0, FrameHeader.Size).CopyTo(head);
        if (FrameHeader.TryRead(head, out header) == OperationStatus.InvalidData) MsgPackReader.Throw(ProtocolErrorKind.FrameTooLong, 0, $"a body is at most {FrameHeader.BodyLengthMax} bytes");
        if (rest.Length < FrameHeader.Size + header.BodyLength) return false;
        body = rest.Slice(FrameHeader.Size, header.BodyLength);
        rest = rest.Slice(body.End);
        return true;
    }

    /// <summary>Decodes a frame and delivers it; waits while the mailbox that it is for is full.</summary>
    /// <returns>False when the connection was closed because of it.</returns>
    /// <exception cref="ProtocolException">It is damaged.</exception>
    public ValueTask<bool> HandleAsync(FrameHeader header, ReadOnlySequence<byte> body)
    {
        if (header.Tag <= FrameHeader.HostTagMax)
        {
            HandleHostFrame(header, body);
            return new(true);
        }

        Envelope envelope;
        try
        {
            envelope = Decode(header, body);
        }
        catch (ProtocolException exception) when (exception.Kind is ProtocolErrorKind.UnknownTag)
        {
            // A newer peer may know messages that this build does not: it is told, and everything else goes on.
            counters.CountProtocolError(exception.Kind);
            connection.TrySend(HostTag.Unsupported, header.Tag, static (ref writer, tag) => writer.Write((long)tag));
            return new(true);
        }

        if (envelope.Sender.Node != connection.Node)
        {
            counters.CountForged();
            connection.Close($"{connection.Node} sent a message in the name of {envelope.Sender.Node}");
            return new(false);
        }

        return DeliverAsync(envelope);

        async ValueTask<bool> DeliverAsync(Envelope arrived)
        {
            if (await sink.DeliverAsync(arrived.Sender, new(sink.Node, arrived.Target), arrived.Body)) return true;
            connection.Close($"the mailbox of {arrived.Target} stayed full");
            return false;
        }
    }

    private Envelope Decode(FrameHeader header, in ReadOnlySequence<byte> body)
    {
        if (body.IsSingleSegment) return EnvelopeCodec.Decode(catalog, header, body.FirstSpan);
        var length = (int)body.Length;
        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            body.CopyTo(rented);
            return EnvelopeCodec.Decode(catalog, header, rented.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private void HandleHostFrame(FrameHeader header, in ReadOnlySequence<byte> body)
    {
        if (header.Tag == HostTag.Ping) return;
        var reader = new MsgPackReader(body.IsSingleSegment ? body.FirstSpan : body.ToArray());
        switch (header.Tag)
        {
            case HostTag.Watch:
                reader.BeginArray();
                sink.WatchFromRemote(new(connection.Node, reader.ReadString()), new(sink.Node, reader.ReadString()));
                break;
            case HostTag.Terminated:
                reader.BeginArray();
                sink.TerminatedFromRemote(new(sink.Node, reader.ReadString()), new(connection.Node, reader.ReadString()), reader.ReadString());
                break;
            case HostTag.Unsupported: counters.CountProtocolError(ProtocolErrorKind.UnknownTag); break;
            default: counters.CountProtocolError(ProtocolErrorKind.UnknownTag); break; // A newer peer's host frame.
        }
    }
}
