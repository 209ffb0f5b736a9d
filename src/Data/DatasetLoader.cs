using Vae.Data.Idx;
using Vae.Data.Npz;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;

namespace Vae.Data;

/// <summary>From the `dataset` part of a sweep file to pixels that are checked and named by their content.</summary>
public static class DatasetLoader
{
    /// <summary>Reads or draws the data set.</summary>
    /// <param name="source">What the sweep file says.</param>
    /// <param name="baseDirectory">The folder that relative paths are meant from.</param>
    /// <param name="dataRoot">If given, files must lie in this folder, also after following links: for sweeps that come over the network.</param>
    /// <exception cref="DatasetException">The data cannot be used; the message is for the user.</exception>
    public static Dataset Load(DatasetSource source, string baseDirectory, string? dataRoot = null)
    {
        if (!(source.HoldOut is >= 0 and <= 0.9)) throw new DatasetException($"dataset: holdout must be 0 to 0.9, not {source.HoldOut}.");
        var (images, shownAs) = source.Source switch
        {
            DatasetSource.Idx => LoadIdx(source, baseDirectory, dataRoot),
            DatasetSource.Npz => LoadNpz(source, baseDirectory, dataRoot),
            DatasetSource.Sprites => (SpriteSource.Make(source.Count, source.Size, source.Seed), "sprites"),
            _ => throw new DatasetException($"dataset: unknown source `{source.Source}`. Known are `{DatasetSource.Idx}`, `{DatasetSource.Npz}` and `{DatasetSource.Sprites}`."),
        };
        if (source.Binarize == Binarize.Fixed) images = Threshold(images);

        var (served, heldOut, excluded) = LabelFilter.Without(images, source.HeldOutOf(images.Count), source.ExcludeLabels, shownAs);
        images = served.Slice(0, served.Count - excluded);
        var warnings = DatasetChecks.Check(images, heldOut, source.Source == DatasetSource.Sprites || source.Binarize == Binarize.Fixed ? Binarize.None : source.Binarize, shownAs);
        return new(images, source.Source, source.Binarize, DatasetFingerprint.Of(served, source.Binarize), heldOut, warnings)
        {
            Served = served,
            Excluded = excluded > 0 ? served.Slice(images.Count, excluded) : null,
        };
    }

    private static (ImageSet Images, string ShownAs) LoadIdx(DatasetSource source, string baseDirectory, string? dataRoot)
    {
        if (source.Images is not { Length: > 0 } images)
            throw new DatasetException("dataset: source `idx` needs `images`, the path of an IDX file such as train-images-idx3-ubyte.gz.");
        var labels = source.Labels is { Length: > 0 } path ? DataPath.Resolve(path, baseDirectory, dataRoot) : null;
        return (IdxSource.Read(DataPath.Resolve(images, baseDirectory, dataRoot), images, labels, source.Labels), images);
    }

    private static (ImageSet Images, string ShownAs) LoadNpz(DatasetSource source, string baseDirectory, string? dataRoot) =>
        source.Images is { Length: > 0 } images
            ? (NpzSource.Read(DataPath.Resolve(images, baseDirectory, dataRoot), images, source.Count, source.Seed), images)
            : throw new DatasetException("dataset: source `npz` needs `images`, the path of an archive such as dsprites.npz.");

    private static ImageSet Threshold(ImageSet images)
    {
        var pixels = new byte[images.Pixels.Length];
        var grey = images.Pixels.Span;
        for (var i = 0; i < pixels.Length; i++) pixels[i] = grey[i] >= 128 ? (byte)255 : (byte)0;
        return new(images.Channels, images.Height, images.Width, pixels, images.Labels, images.Factors);
    }
}
