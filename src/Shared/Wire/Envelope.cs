using Vae.Shared.Actors;

namespace Vae.Shared.Wire;

/// <summary>A message on its way between nodes.</summary>
/// <param name="Sender">Who sent it. The host checks that its node is the one at the other end of the connection.</param>
/// <param name="Target">Name of the receiving actor; its node is the one that received the frame.</param>
/// <param name="Body">The message.</param>
public readonly record struct Envelope(ActorId Sender, string Target, Message Body);

/// <summary>Whole frames: header, then the array of target, sender and message.</summary>
public static class EnvelopeCodec
{
    private const int EnvelopeFields = 3;

    /// <summary>Appends one frame to <paramref name="output"/>.</summary>
    /// <exception cref="ArgumentException">The message's type never leaves its node: an error of this program.</exception>
    /// <exception cref="ProtocolException">The body is longer than <see cref="FrameHeader.BodyLengthMax"/>; nothing was appended.</exception>
    public static void Encode(Catalog catalog, WireBuffer output, in Envelope envelope)
    {
        var row = catalog.Find(envelope.Body.GetType()) ?? throw new ArgumentException($"{envelope.Body.GetType().Name} never leaves its node: the catalog has no row for it.");
        var start = output.Length;
        output.GetSpan(FrameHeader.Size);
        output.Advance(FrameHeader.Size);

        var writer = new MsgPackWriter(output);
        writer.WriteArrayHeader(EnvelopeFields);
        IdCodecs.ActorName.Write(ref writer, envelope.Target);
        IdCodecs.Actor.Write(ref writer, envelope.Sender);
        row.Write(ref writer, envelope.Body);
        writer.Flush();

        var length = output.Length - start - FrameHeader.Size;
        if (length > FrameHeader.BodyLengthMax)
        {
            output.Truncate(start);
            throw new ProtocolException(ProtocolErrorKind.FrameTooLong, 0, $"{row.Type.Name} takes {length} bytes, the limit is {FrameHeader.BodyLengthMax}");
        }

        new FrameHeader((uint)length, row.Tag, FrameHeader.ProtocolVersion).Write(output.Written[start..]);
    }

    /// <summary>Reads one frame's body.</summary>
    /// <exception cref="ProtocolException">The version or the tag is unknown (answer, and go on), or the body is damaged (hang up).</exception>
    public static Envelope Decode(Catalog catalog, FrameHeader header, ReadOnlySpan<byte> body)
    {
        if (header.Version != FrameHeader.ProtocolVersion) MsgPackReader.Throw(ProtocolErrorKind.WrongVersion, 0, $"version {header.Version}, this build speaks {FrameHeader.ProtocolVersion}");
        var row = catalog.Find(header.Tag);
        if (row is null || !row.Type.IsAssignableTo(typeof(Message))) throw new ProtocolException(ProtocolErrorKind.UnknownTag, 0, $"no message has tag 0x{header.Tag:X4}");

        var reader = new MsgPackReader(body);
        var count = reader.BeginArray();
        if (count < EnvelopeFields) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, $"an envelope has {EnvelopeFields} fields, found {count}");
        var target = IdCodecs.ActorName.Read(ref reader);
        var sender = IdCodecs.Actor.Read(ref reader);
        var message = (Message)row.Read(ref reader);
        for (var extra = EnvelopeFields; extra < count; extra++) reader.Skip();
        reader.EndNested();
        reader.RequireEnd();
        return new(sender, target, message);
    }
}
