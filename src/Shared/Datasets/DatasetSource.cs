namespace Vae.Shared.Datasets;

/// <summary>How grey values become the bits of a Bernoulli likelihood.</summary>
public enum Binarize
{
    /// <summary>Values stay in 0 to 1.</summary>
    None,

    /// <summary>A pixel of 128 or more becomes 255, any other 0, when the data is read; the same in every epoch, and part of the fingerprint.</summary>
    Fixed,

    /// <summary>A value is the probability of a 1, drawn anew in every epoch by the training engine. The stored pixels stay grey.</summary>
    Dynamic,
}

/// <summary>Where images come from and how they are split. Ranges are enforced where a sweep file is read.</summary>
public sealed record DatasetSource
{
    /// <summary>Name of the source that reads files of the MNIST family.</summary>
    public const string Idx = "idx";

    /// <summary>Name of the source that draws shapes from dSprites' factors.</summary>
    public const string Sprites = "sprites";

    /// <summary>Name of the source that reads archives of NumPy arrays, such as dSprites' file.</summary>
    public const string Npz = "npz";

    /// <summary><see cref="Idx"/> (files of the MNIST family, gzip or not), <see cref="Npz"/> (NumPy archives) or <see cref="Sprites"/> (made by the program).</summary>
    public required string Source { get; init; }

    /// <summary>Image file of <c>idx</c>, or the archive of <c>npz</c>, relative to the sweep file's folder.</summary>
    public string? Images { get; init; }

    /// <summary>Label file of <c>idx</c>, relative to the sweep file's folder. Optional.</summary>
    public string? Labels { get; init; }

    /// <summary>Images of <c>sprites</c>, 2 to 737,280 (all combinations of the factors); rows of <c>npz</c> at most. Default 10,000.</summary>
    public int Count { get; init; } = 10_000;

    /// <summary>Side of the square images of <c>sprites</c> in pixels, 8 to 256. Default 64.</summary>
    public int Size { get; init; } = 64;

    /// <summary>Seed of <c>sprites</c> and <c>npz</c>: which combinations or rows are drawn, and their order. Default 1.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Share of the rows held out for evaluation, 0 to 0.9. Default 0.2. It is the LAST rows: of 10,000 the first 8,000 train.</summary>
    public double HoldOut { get; init; } = 0.2;

    /// <summary>How grey values become bits. Default none.</summary>
    public Binarize Binarize { get; init; } = Binarize.None;

    /// <summary>
    /// Labels whose rows are left out, of training and of held-out evaluation alike, as if the data set had none of them. Which rows are held out is decided before, so it does not depend on them.
    /// <c>vae model anomaly</c> scores the held-out rows of these labels beside the others. 0 to 255 each; default none.
    /// </summary>
    public ValueList<int> ExcludeLabels { get; init; } = [];

    /// <summary>How many of <paramref name="count"/> rows are held out: the nearest whole number, but never all of them.</summary>
    public int HeldOutOf(int count) => Math.Clamp((int)Math.Round(count * HoldOut, MidpointRounding.AwayFromZero), 0, Math.Max(0, count - 1));
}
