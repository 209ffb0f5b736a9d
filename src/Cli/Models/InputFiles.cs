using Vae.Data;
using Vae.Data.Idx;
using Vae.Data.Png;
using Vae.Models.Networks;
using Vae.Shared.Datasets;

namespace Vae.Cli.Models;

/// <summary>Reads the images that a model is used on, and sees to it that they are of its size and prepared as those it was trained on.</summary>
internal static class InputFiles
{
    /// <summary>A file of images, or pictures.</summary>
    /// <param name="image">The model's size.</param>
    /// <param name="binarize">What was done to the pixels that it was trained on.</param>
    /// <param name="paths">One IDX file, or one or more PNG files.</param>
    /// <param name="labels">An IDX file of labels, or null.</param>
    /// <exception cref="DatasetException">A file cannot be used.</exception>
    /// <exception cref="CliException">The files do not go together, or are of another size than the model's.</exception>
    public static InputRows Read(ImageShape image, Binarize binarize, IReadOnlyList<string> paths, string? labels)
    {
        var shownAs = string.Join(", ", paths);
        ImageSet set;
        if (PngRows.IsPng(paths[0]))
        {
            if (labels is not null) throw new CliException(ExitCode.Usage, "--labels belongs to a file of images, not to pictures.");
            set = new ImageSet(image.Channels, image.Height, image.Width, paths.SelectMany(path => PngRows.ReadFile(path, image.Channels, image.Height, image.Width)).ToArray());
        }
        else if (paths.Count == 1)
        {
            set = IdxSource.Read(Path.GetFullPath(paths[0]), paths[0], labels is null ? null : Path.GetFullPath(labels), labels);
        }
        else
        {
            throw new CliException(ExitCode.Usage, $"{paths[0]} is no PNG file.", "Give one IDX file, or any number of PNG files.");
        }

        RequireSize(set, image);
        return new InputRows(binarize == Binarize.Fixed ? Threshold(set) : set, 0, set.Count, shownAs);
    }

    /// <summary>Rows of a data set that a sweep file could name.</summary>
    /// <param name="image">The model's size.</param>
    /// <param name="source">The data set, with absolute paths.</param>
    /// <param name="part">Which rows.</param>
    public static InputRows Read(ImageShape image, DatasetSource source, RowPart part)
    {
        if (source.Images is { } file && !Path.Exists(file)) throw new CliException(ExitCode.InvalidInput, $"The data that the model was trained on is not here: {file}.", "Name images with --images FILE, and ordinary ones with --reference FILE where they are asked for.");
        var data = DatasetLoader.Load(source, Environment.CurrentDirectory);
        RequireSize(data.Images, image);
        var held = data.HeldOut > 0 ? (First: data.TrainRows, Count: data.HeldOut) : (First: 0, Count: data.Images.Count); // Without held-out rows all are evaluated, in training as here.
        var (first, count) = part switch { RowPart.HeldOut => held, RowPart.Train => (0, data.TrainRows), _ => (0, data.Images.Count) };
        return new InputRows(data.Images, first, count, source.Images ?? source.Source);
    }

    private static void RequireSize(ImageSet set, ImageShape image)
    {
        if ((set.Channels, set.Height, set.Width) == (image.Channels, image.Height, image.Width)) return;
        throw new CliException(ExitCode.InvalidInput,
            $"The images are {set.Channels} x {set.Height} x {set.Width}, but the model takes {image.Channels} x {image.Height} x {image.Width}.", "Give images of the model's size.");
    }

    private static ImageSet Threshold(ImageSet images)
    {
        var pixels = images.Pixels.ToArray();
        for (var i = 0; i < pixels.Length; i++) pixels[i] = pixels[i] >= 128 ? (byte)255 : (byte)0;
        return new ImageSet(images.Channels, images.Height, images.Width, pixels, images.Labels, images.Factors);
    }
}

/// <summary>Which rows of the data set that a model was trained on.</summary>
internal enum RowPart
{
    HeldOut,
    Train,
    All,
}
