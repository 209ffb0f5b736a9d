using Vae.Shared.Wire;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>Where rank 0's segment is found, what proves that it is the right one, and how it is laid out. Goes over the authenticated ring only.</summary>
/// <param name="ProcessId">Rank 0's process.</param>
/// <param name="Descriptor">Open in that process until all have mapped it.</param>
/// <param name="Secret">Stands at the segment's start; drawn anew for each ring.</param>
/// <param name="Plan">How all ranks use it.</param>
internal sealed record SegmentAddress(int ProcessId, int Descriptor, byte[] Secret, SegmentPlan Plan)
{
    /// <summary>Bytes of <see cref="Secret"/>.</summary>
    public const int SecretBytes = 32;

    private const int FieldCount = 5;

    /// <summary>MessagePack array of the fields in order.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(64);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write((long)ProcessId);
        writer.Write((long)Descriptor);
        writer.Write(Secret);
        writer.Write((long)Plan.SlotBytes);
        writer.Write((long)Plan.ExchangeBytes);
        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="ProtocolException">The bytes are no address.</exception>
    public static SegmentAddress Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new MsgPackReader(bytes);
        if (reader.BeginArray() != FieldCount) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, $"a segment's address has {FieldCount} fields");
        var address = new SegmentAddress(reader.ReadInt32(), reader.ReadInt32(), reader.ReadBytes().ToArray(), new(reader.ReadInt32(), reader.ReadInt32()));
        reader.EndNested();
        reader.RequireEnd();
        return address;
    }
}

/// <summary>Rank 0's settings, which all ranks follow.</summary>
/// <param name="SlotBytes">Bytes of gradient per rank and block.</param>
/// <param name="ExchangeBytes">Buffers up to this are laid out whole and summed by everybody.</param>
internal sealed record SegmentPlan(int SlotBytes, int ExchangeBytes)
{
    // Measured with 2 and 4 ranks on 2 cores with 1 MiB of cache each: half or twice as much costs some per cent, a quarter half the speed.
    private const int BlockBytesOfAll = 1 << 20, BlockBytesMin = 64 << 10, BlockBytesMax = 512 << 10;

    /// <summary>From what was asked for, within the bounds of a segment.</summary>
    public static SegmentPlan Of(int worldSize, RingOptions options)
    {
        var slot = SegmentLayout.SlotBytes(worldSize, options.BlockBytes ?? Math.Clamp(BlockBytesOfAll / worldSize, BlockBytesMin, BlockBytesMax));
        return new(slot, Math.Min(slot, options.ExchangeBytesMax / worldSize) & ~(sizeof(float) - 1));
    }

    /// <summary>Whether a segment can be laid out like this.</summary>
    public bool IsSound(int worldSize) => SlotBytes > 0 && SlotBytes == SegmentLayout.SlotBytes(worldSize, SlotBytes) && ExchangeBytes >= 0 && ExchangeBytes <= SlotBytes;
}
