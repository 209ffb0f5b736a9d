namespace Vae.Shared.Datasets;

/// <summary>One shard of a data set.</summary>
/// <param name="Index">Counted from 0.</param>
/// <param name="FirstRow">The first row it holds.</param>
/// <param name="Rows">How many rows it holds.</param>
/// <param name="Bytes">Length of its body, header included.</param>
/// <param name="Sha256">SHA-256 of its body in lower-case hexadecimal, 64 characters.</param>
public sealed record ShardInfo(int Index, int FirstRow, int Rows, int Bytes, string Sha256);

/// <summary>
/// What coordinator and workers agree on before training: which pixels, cut how. A worker that holds this can fetch any row and check it.
/// </summary>
public sealed record DatasetManifest
{
    /// <summary>SHA-256 over pixels, labels, geometry and decoding options, in lower-case hexadecimal, 64 characters.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Name of the source, see <see cref="DatasetSource.Source"/>.</summary>
    public required string Source { get; init; }

    /// <summary>Rows, held-out and excluded ones included.</summary>
    public required int Count { get; init; }

    /// <summary>Channels of an image: 1 for grey, 3 for colour.</summary>
    public required int Channels { get; init; }

    /// <summary>Pixels from top to bottom.</summary>
    public required int Height { get; init; }

    /// <summary>Pixels from left to right.</summary>
    public required int Width { get; init; }

    /// <summary>Whether each row has a label.</summary>
    public required bool HasLabels { get; init; }

    /// <summary>One more than the largest label; 0 without labels.</summary>
    public required int Classes { get; init; }

    /// <summary>Rows, behind those that are trained on, that trials are judged by and never trained on.</summary>
    public required int HeldOut { get; init; }

    /// <summary>Rows at the very end that are neither trained on nor judged by: held-out ones of the labels that the sweep leaves out, kept to tell how well a model finds them.</summary>
    public int Excluded { get; init; }

    /// <summary>Rows of a full shard.</summary>
    public required int ShardRows { get; init; }

    /// <summary>All shards, in row order.</summary>
    public required ValueList<ShardInfo> Shards { get; init; }

    /// <summary>Bytes of one image: channels x height x width.</summary>
    public int RowBytes => Channels * Height * Width;

    /// <summary>Rows that are trained on: 0 .. TrainRows - 1.</summary>
    public int TrainRows => Count - HeldOut - Excluded;

    /// <summary>The plan that <see cref="Shards"/> follows.</summary>
    public ShardPlan Plan => new(Count, ShardRows);

    /// <summary>For logs. Written out, because a record's own text would print <see cref="Plan"/> too, which a manifest with wrong counts does not have.</summary>
    public override string ToString() => $"DatasetManifest {{ {Source}, {Count} rows of {Channels} x {Height} x {Width}, {HeldOut} held out, {Shards.Count} shards, {Fingerprint} }}";
}
