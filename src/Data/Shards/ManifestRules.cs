using System.Buffers;
using Vae.Shared.Datasets;

namespace Vae.Data.Shards;

/// <summary>What must hold in a manifest that came over the network before memory is allocated or a folder is named by it.</summary>
public static class ManifestRules
{
    private const int DigestLength = 64;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <exception cref="DatasetException">A rule is broken; the message says which.</exception>
    public static void Check(DatasetManifest manifest)
    {
        Require(IsDigest(manifest.Fingerprint), "the fingerprint is not 64 characters of lower-case hexadecimal");
        Require(manifest is { Count: >= 1, Channels: >= 1 and <= 16, Height: >= 1 and <= 65_535, Width: >= 1 and <= 65_535, ShardRows: >= 1 }, "a size is out of range");
        Require((long)manifest.Channels * manifest.Height * manifest.Width <= Array.MaxLength / manifest.Count, $"its pixels exceed {Array.MaxLength:N0} bytes");
        Require(manifest is { HeldOut: >= 0, Excluded: >= 0 } && (long)manifest.HeldOut + manifest.Excluded < manifest.Count, "no row is left to train on");
        var plan = manifest.Plan;
        Require(manifest.Shards.Count == plan.Shards, $"it lists {manifest.Shards.Count} shards where {plan.Shards} are needed");
        for (var index = 0; index < manifest.Shards.Count; index++)
        {
            var shard = manifest.Shards[index];
            var rows = plan.RowsOf(index);
            Require(shard.Index == index && shard.FirstRow == rows.First && shard.Rows == rows.Count, $"shard {index} does not hold the rows that follow from the plan");
            Require(shard.Bytes >= (long)rows.Count * manifest.RowBytes && IsDigest(shard.Sha256), $"shard {index} has an impossible length or checksum");
        }
    }

    private static bool IsDigest(string text) => text.Length == DigestLength && !text.AsSpan().ContainsAnyExcept(HexDigits);

    private static void Require(bool holds, string fault)
    {
        if (!holds) throw new DatasetException($"The manifest of a data set was refused: {fault}. Coordinator and worker may be of different versions.");
    }
}
