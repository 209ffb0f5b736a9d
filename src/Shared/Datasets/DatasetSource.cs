namespace Vae.Shared.Datasets;

/// <summary>How grey values become the bits of a Bernoulli likelihood.</summary>
public enum Binarize
{
    /// <summary>Values stay in 0 to 1.</summary>
    None,

    /// <summary>A value of at least one half is 1; the same in every epoch.</summary>
    Fixed,

    /// <summary>A value is the probability of a 1, drawn anew in every epoch.</summary>
    Dynamic,
}

/// <summary>Where images come from and how they are split. Ranges are enforced where a sweep file is read.</summary>
public sealed record DatasetSource
{
    /// <summary><c>idx</c> (files of the MNIST family, gzip or not) or <c>sprites</c> (made by the program).</summary>
    public required string Source { get; init; }

    /// <summary>Image file of <c>idx</c>, relative to the sweep file's folder.</summary>
    public string? Images { get; init; }

    /// <summary>Label file of <c>idx</c>, relative to the sweep file's folder. Optional.</summary>
    public string? Labels { get; init; }

    /// <summary>Images of <c>sprites</c>, 2 to 10,000,000. Default 10,000.</summary>
    public int Count { get; init; } = 10_000;

    /// <summary>Side of the square images of <c>sprites</c> in pixels, 8 to 256. Default 64.</summary>
    public int Size { get; init; } = 64;

    /// <summary>Seed of <c>sprites</c> and of the split. Default 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Share of the rows held out for evaluation, 0 to 0.9. Default 0.2.</summary>
    public double HoldOut { get; init; } = 0.2;

    /// <summary>How grey values become bits. Default none.</summary>
    public Binarize Binarize { get; init; } = Binarize.None;
}
