using System.CommandLine;
using Vae.Data;
using Vae.Models.Networks;
using Vae.Shared.Datasets;

namespace Vae.Cli.Models;

/// <summary>The images to compress: a file exactly as it is, drawn ones, or the rows that the model was not trained on. No model is opened for it.</summary>
internal static class ImageInput
{
    public static Option<string?> ImagesOption() => new("--images")
    {
        Description = "An IDX file of images of the model's size, gzip or not. Default: the held-out rows of what the model was trained on.",
        HelpName = "FILE",
    };

    public static Option<string?> SourceOption()
    {
        var source = new Option<string?>("--source") { Description = "sprites: images that the program draws, at the model's size.", HelpName = "sprites" };
        source.AcceptOnlyFromAmong(DatasetSource.Sprites);
        return source;
    }

    /// <summary>Reads what was chosen.</summary>
    /// <param name="images">A file, or null.</param>
    /// <param name="source">The word sprites, or null.</param>
    /// <param name="known">What the model was trained on; null when unknown.</param>
    /// <param name="image">The model's shape.</param>
    /// <exception cref="CliException">Nothing or too much was chosen, or images of another size.</exception>
    /// <exception cref="DatasetException">The data cannot be read.</exception>
    public static InputRows Read(string? images, string? source, DatasetSource? known, ImageShape image) => (images, source, known) switch
    {
        (not null, not null, _) => throw new CliException(ExitCode.Usage, "--images and --source are two answers to one question; give one."),
        (not null, _, _) => InputFiles.Read(image, Binarize.None, [images], null), // Whatever was done for training: what comes back must be the file.
        (_, not null, var drawn) => InputFiles.Read(image, (drawn?.Source == DatasetSource.Sprites ? drawn : new DatasetSource { Source = DatasetSource.Sprites }) with { Size = image.Height }, RowPart.HeldOut),
        (_, _, { } trained) => InputFiles.Read(image, trained, RowPart.HeldOut),
        _ => throw new CliException(ExitCode.Usage, "Which images?", "Give --images FILE (IDX, gzip or not), or --source sprites."),
    };
}
