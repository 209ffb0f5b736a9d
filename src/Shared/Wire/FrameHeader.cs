using System.Buffers;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Vae.Shared.Wire;

/// <summary>The bytes ahead of every message: body length u32, tag u16, version u16, little-endian.</summary>
/// <param name="BodyLength">Bytes that follow this header, 0 to <see cref="BodyLengthMax"/>.</param>
/// <param name="Tag">Which message the body holds, see the catalog. Tags up to <see cref="HostTagMax"/> belong to the hosts.</param>
/// <param name="Version">The protocol's version, see <see cref="ProtocolVersion"/>.</param>
public readonly record struct FrameHeader(uint BodyLength, ushort Tag, ushort Version)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = sizeof(uint) + sizeof(ushort) + sizeof(ushort);

    /// <summary>The longest body in bytes. Larger things travel in pieces.</summary>
    public const uint BodyLengthMax = 64 * 1024 * 1024;

    /// <summary>Tags 0 to this one are the hosts' own (handshake, answers to unknown tags), never an actor's message.</summary>
    public const ushort HostTagMax = 0x00FF;

    /// <summary>The version that this build writes. It changes only when old readers could misread a frame.</summary>
    public const ushort ProtocolVersion = 2;

    /// <returns>Done; NeedMoreData: wait for bytes; InvalidData: hang up, the body would be longer than allowed.</returns>
    public static OperationStatus TryRead(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        header = default;
        if (source.Length < Size) return OperationStatus.NeedMoreData;

        var bodyLength = ReadUInt32LittleEndian(source);
        if (bodyLength > BodyLengthMax) return OperationStatus.InvalidData;

        header = new(bodyLength, ReadUInt16LittleEndian(source[4..]), ReadUInt16LittleEndian(source[6..]));
        return OperationStatus.Done;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The destination is too short.</exception>
    public void Write(Span<byte> destination)
    {
        WriteUInt32LittleEndian(destination, BodyLength);
        WriteUInt16LittleEndian(destination[4..], Tag);
        WriteUInt16LittleEndian(destination[6..], Version);
    }
}
