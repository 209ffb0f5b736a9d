using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>A fact as a row.</summary>
/// <param name="Stream">See <see cref="NewEvent"/>.</param>
/// <param name="Kind">Tag in the catalog.</param>
/// <param name="Body">MessagePack.</param>
/// <param name="Checksum">Over all three, so that a flipped bit is found when the row is read.</param>
internal readonly record struct EncodedFact(string Stream, ushort Kind, byte[] Body, uint Checksum)
{
    /// <exception cref="ArgumentException">The catalog has no row for the fact: an error of this program.</exception>
    public static EncodedFact Of(in NewEvent added, Catalog catalog)
    {
        var (kind, body) = (EventCodec.TagOf(added.Fact, catalog), EventCodec.Encode(added.Fact, catalog));
        return new(added.Stream, kind, body, ChecksumOf(added.Stream, kind, body));
    }

    /// <summary>CRC-32C; processors have an instruction for it.</summary>
    public static uint ChecksumOf(string stream, ushort kind, ReadOnlySpan<byte> body)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, kind);
        Span<byte> name = stackalloc byte[256];
        crc = Encoding.UTF8.TryGetBytes(stream, name, out var length) ? Add(crc, name[..length]) : Add(crc, Encoding.UTF8.GetBytes(stream));
        return ~Add(crc, body);
    }

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var left in bytes) crc = BitOperations.Crc32C(crc, left);
        return crc;
    }
}

/// <summary>What one caller wants written, and waits for.</summary>
internal sealed class PendingWrite(IReadOnlyList<EncodedFact> facts, IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark> marks)
{
    /// <exception cref="ArgumentException">The catalog has no row for a fact: an error of this program.</exception>
    public static PendingWrite Of(IReadOnlyList<NewEvent> batch, Catalog catalog) => new([.. batch.Select(added => EncodedFact.Of(added, catalog))], [], []);

    public IReadOnlyList<EncodedFact> Facts => facts;

    public IReadOnlyList<MetricPoint> Points => points;

    public IReadOnlyList<PointMark> Marks => marks;

    public int Rows => facts.Count + points.Count + marks.Count;

    /// <summary>Points that the store did not hold before, in order. Filled by the writer.</summary>
    public List<MetricPoint> Fresh { get; } = [];

    public TaskCompletionSource<IReadOnlyList<MetricPoint>> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
