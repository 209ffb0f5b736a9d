using System.Buffers.Binary;
using System.Numerics;

namespace Vae.Shared.Determinism;

/// <summary>CRC-32C (Castagnoli; iSCSI, RFC 3720 appendix B.4), by the processor's own instruction where it has one.</summary>
public static class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>, as other programs write it: <c>123456789</c> gives E3069283.</summary>
    public static uint Of(ReadOnlySpan<byte> data) => ~Append(uint.MaxValue, data);

    /// <summary>Takes <paramref name="data"/> into a running register that began with all ones and is not yet inverted.</summary>
    public static uint Append(uint register, ReadOnlySpan<byte> data)
    {
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..]) register = BitOperations.Crc32C(register, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (var one in data) register = BitOperations.Crc32C(register, one);
        return register;
    }
}
