using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>A fact as a row.</summary>
/// <param name="Stream">See <see cref="NewEvent"/>.</param>
/// <param name="Kind">Tag in the catalog.</param>
/// <param name="Body">MessagePack and its seal.</param>
internal readonly record struct EncodedFact(string Stream, ushort Kind, byte[] Body)
{
    /// <exception cref="ArgumentException">The catalog has no row for the fact: an error of this program.</exception>
    public static EncodedFact Of(in NewEvent added, Catalog catalog) => new(added.Stream, EventCodec.TagOf(added.Fact, catalog), EventCodec.Encode(added.Fact, catalog));
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
