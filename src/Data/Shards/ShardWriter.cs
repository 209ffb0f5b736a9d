using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>Makes the body of a shard: header, pixels, labels, factors.</summary>
public static class ShardWriter
{
    /// <summary>One shard as the bytes that travel and are cached.</summary>
    public static byte[] Write(ImageSet images, string fingerprint, ShardPlan plan, int index)
    {
        var rows = plan.RowsOf(index);
        var header = new ShardHeader
        {
            Fingerprint = fingerprint,
            Index = index,
            Rows = rows,
            Channels = images.Channels,
            Height = images.Height,
            Width = images.Width,
            HasLabels = images.HasLabels,
            FactorNames = images.Factors?.Names ?? [],
        };
        var body = new byte[checked((int)header.BodySize)];
        header.Write(body);
        var next = body.AsSpan(header.Size);
        Copy(images.Pixels.Span, rows, images.RowBytes, ref next);
        if (images.HasLabels) Copy(images.Labels.Span, rows, 1, ref next);
        if (images.Factors is { } factors) Copy(factors.Values.Span, rows, factors.Names.Count, ref next);
        return body;
    }

    private static void Copy(ReadOnlySpan<byte> source, RowRange rows, int rowBytes, ref Span<byte> target)
    {
        source.Slice(rows.First * rowBytes, rows.Count * rowBytes).CopyTo(target);
        target = target[(rows.Count * rowBytes)..];
    }
}
