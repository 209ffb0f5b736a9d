using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>Puts the rows of checked shards where they belong in one run of memory. Shards may come in any order and from several threads: no two write the same bytes.</summary>
internal sealed class ShardAssembly(DatasetManifest manifest, RowRange rows)
{
    private readonly byte[] _pixels = new byte[rows.Count * manifest.RowBytes];
    private readonly byte[] _labels = manifest.HasLabels ? new byte[rows.Count] : [];
    private readonly Lock _naming = new();
    private IReadOnlyList<string>? _factorNames;
    private byte[] _factors = [];

    public void Add(int index, byte[] body)
    {
        var header = ShardHeader.TryRead(body, out var reason) ?? throw new DatasetException($"Shard {index}: {reason}.");
        var factors = FactorsFor(header);
        var first = Math.Max(rows.First, header.Rows.First);
        var count = Math.Min(rows.End, header.Rows.End) - first;
        var (from, to) = (first - header.Rows.First, first - rows.First);
        Copy(ShardReader.Pixels(body, header), _pixels, manifest.RowBytes);
        if (manifest.HasLabels) Copy(ShardReader.Labels(body, header), _labels, 1);
        Copy(ShardReader.Factors(body, header), factors, header.FactorNames.Count);

        void Copy(ReadOnlySpan<byte> source, byte[] target, int rowBytes) =>
            source.Slice(from * rowBytes, count * rowBytes).CopyTo(target.AsSpan(to * rowBytes));
    }

    public ImageSet Finish() => new(manifest.Channels, manifest.Height, manifest.Width, _pixels, _labels,
        _factorNames is { Count: > 0 } names ? new FactorTable(names, _factors) : null);

    private byte[] FactorsFor(ShardHeader header)
    {
        lock (_naming)
        {
            if (_factorNames is null)
            {
                _factorNames = header.FactorNames;
                _factors = new byte[rows.Count * header.FactorNames.Count];
            }

            return _factorNames.SequenceEqual(header.FactorNames)
                ? _factors
                : throw new DatasetException($"Shard {header.Index} names other factors than the shards before it.");
        }
    }
}
