using System.Buffers.Binary;

namespace Vae.Data.Files;

/// <summary>CRC-32 as PNG and gzip use it (polynomial 0xEDB88320, reflected), eight bytes at a time. The framework's own lives in a package we do without.</summary>
public static class Crc32
{
    // Tables[k][b] is the effect of byte b, k bytes before the end of the eight.
    private static readonly uint[][] Tables = MakeTables();

    /// <summary>The checksum of <paramref name="data"/> put behind data whose checksum is <paramref name="before"/> (0 for none).</summary>
    public static uint Append(uint before, ReadOnlySpan<byte> data)
    {
        var crc = ~before;
        var tables = Tables;
        for (; data.Length >= 8; data = data[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = tables[7][(byte)low] ^ tables[6][(byte)(low >> 8)] ^ tables[5][(byte)(low >> 16)] ^ tables[4][low >> 24]
                ^ tables[3][(byte)high] ^ tables[2][(byte)(high >> 8)] ^ tables[1][(byte)(high >> 16)] ^ tables[0][high >> 24];
        }

        foreach (var value in data) crc = tables[0][(byte)crc ^ value] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[][] MakeTables()
    {
        var tables = new uint[8][];
        for (var k = 0; k < 8; k++)
        {
            tables[k] = new uint[256];
            for (var b = 0u; b < 256; b++)
            {
                var crc = k == 0 ? b : tables[k - 1][b];
                for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
                tables[k][b] = crc;
            }
        }

        return tables;
    }
}
