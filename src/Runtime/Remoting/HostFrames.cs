using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>Tags of the hosts' own frames. Rows are added, never renumbered.</summary>
internal static class HostTag
{
    public const ushort Hello = 0x01;
    public const ushort Proof = 0x02;
    public const ushort Refusal = 0x03;

    public const ushort Ping = 0x10;
    public const ushort Watch = 0x11;
    public const ushort Terminated = 0x12;
    public const ushort Unsupported = 0x13;

    public const ushort GetShard = 0x20;
    public const ushort Shard = 0x21;
    public const ushort PutArtifact = 0x22;
    public const ushort ArtifactStored = 0x23;
    public const ushort BlobRefused = 0x24;
    public const ushort PutCheckpoint = 0x25;
    public const ushort GetCheckpoint = 0x26;
    public const ushort Checkpoint = 0x27;
}

/// <summary>Puts a header before a body.</summary>
internal static class HostFrames
{
    public delegate void Body<T>(ref MsgPackWriter writer, T value);

    public static void Append<T>(WireBuffer output, ushort tag, T value, Body<T> body)
    {
        var start = output.Length;
        output.GetSpan(FrameHeader.Size);
        output.Advance(FrameHeader.Size);
        var writer = new MsgPackWriter(output);
        body(ref writer, value);
        writer.Flush();
        new FrameHeader((uint)(output.Length - start - FrameHeader.Size), tag, FrameHeader.ProtocolVersion).Write(output.Written[start..]);
    }

    public static ReadOnlyMemory<byte> Make<T>(ushort tag, T value, Body<T> body)
    {
        var buffer = new WireBuffer(256);
        Append(buffer, tag, value, body);
        return buffer.WrittenMemory;
    }
}
