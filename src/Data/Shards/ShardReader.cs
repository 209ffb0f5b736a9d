using System.Security.Cryptography;
using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>Checks a shard against the manifest and finds its parts. It copies nothing.</summary>
public static class ShardReader
{
    /// <summary>SHA-256 of a body, 64 characters of lower-case hexadecimal.</summary>
    public static string Checksum(ReadOnlySpan<byte> body) => Convert.ToHexStringLower(SHA256.HashData(body));

    /// <summary>Whether <paramref name="body"/> is shard <paramref name="index"/> of the data set that <paramref name="manifest"/> describes.</summary>
    /// <returns>Null when it is, else what is wrong, to be put behind "shard 3: ".</returns>
    public static string? FindFault(ReadOnlySpan<byte> body, DatasetManifest manifest, int index)
    {
        var info = manifest.Shards[index];
        if (body.Length != info.Bytes) return $"expected {info.Bytes:N0} bytes, found {body.Length:N0}";
        var checksum = Checksum(body);
        if (checksum != info.Sha256) return $"expected SHA-256 {info.Sha256}, found {checksum}";

        var header = ShardHeader.TryRead(body, out var reason);
        if (header is null) return reason;
        if (header.Fingerprint != manifest.Fingerprint) return $"it belongs to another data set ({header.Fingerprint[..12]})";
        if (header.Index != index || header.Rows != new RowRange(info.FirstRow, info.Rows)) return $"it is shard {header.Index} with {header.Rows}";
        if ((header.Channels, header.Height, header.Width, header.HasLabels) != (manifest.Channels, manifest.Height, manifest.Width, manifest.HasLabels))
            return "its images have another shape than the manifest says";
        return null;
    }

    /// <summary>The pixels of a checked shard, [rows, channels, height, width].</summary>
    public static ReadOnlySpan<byte> Pixels(ReadOnlySpan<byte> body, ShardHeader header) => body.Slice(header.Size, (int)header.PixelBytes);

    /// <summary>The labels of a checked shard, one per row, or empty.</summary>
    public static ReadOnlySpan<byte> Labels(ReadOnlySpan<byte> body, ShardHeader header) =>
        body.Slice(header.Size + (int)header.PixelBytes, header.HasLabels ? header.Rows.Count : 0);

    /// <summary>The factors of a checked shard, [rows, factors], or empty.</summary>
    public static ReadOnlySpan<byte> Factors(ReadOnlySpan<byte> body, ShardHeader header) => body[^(header.Rows.Count * header.FactorNames.Count)..];
}
