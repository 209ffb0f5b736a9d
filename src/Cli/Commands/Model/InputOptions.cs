using System.CommandLine;
using Vae.Cli.Models;
using Vae.Shared.Datasets;

namespace Vae.Cli.Commands.Model;

/// <summary>Options that say which images a command works on.</summary>
internal sealed class InputOptions
{
    private readonly Option<string[]> _images;
    private readonly Option<string?> _labels = new("--labels") { Description = "An IDX file of labels, one for each image.", HelpName = "FILE" };
    private readonly Option<string?> _source = new("--source") { Description = "sprites: images that the program draws, at the model's size.", HelpName = "sprites" };
    private readonly Option<int?> _label = new("--label") { Description = "The label of images that have none of their own, for a model that takes labels.", HelpName = "N" };
    private readonly Option<string> _rows;

    private readonly bool _hasLabel;

    /// <param name="part">Which rows of what the model was trained on are taken when nothing else is said.</param>
    /// <param name="purpose">What the images are for; ends without a full stop.</param>
    /// <param name="hasLabel">False for a command whose --label says something else.</param>
    public InputOptions(RowPart part, string purpose, bool hasLabel = true)
    {
        _hasLabel = hasLabel;
        _label.InRange(0, Shared.Sweeps.ModelSpec.ClassesMax - 1);
        _images = new("--images") { Description = $"{purpose}: an IDX file of images of the model's size, gzip or not, or PNG files. Default: rows of what the model was trained on, see --rows.", HelpName = "FILE...", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        _rows = new("--rows") { Description = "Which rows of what the model was trained on: held-out, train or all.", HelpName = "PART", DefaultValueFactory = _ => Name(part) };
        _rows.AcceptOnlyFromAmong("held-out", "train", "all");
        _source.AcceptOnlyFromAmong(DatasetSource.Sprites);
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_images, _labels, _source, _rows]) command.Options.Add(option);
        if (_hasLabel) command.Options.Add(_label);
    }

    /// <summary>The label of images that have none of their own; null: nobody tells.</summary>
    public int? Label(ParseResult parse) => _hasLabel ? parse.GetValue(_label) : null;

    /// <summary>Whether the images come from a file that the user named.</summary>
    public bool AreGiven(ParseResult parse) => parse.GetRequiredValue(_images).Length > 0;

    /// <param name="parse">What was typed.</param>
    /// <param name="model">What it is for.</param>
    /// <param name="excluded">Whether rows whose labels training left out are wanted too.</param>
    public InputRows Read(ParseResult parse, OpenModel model, bool excluded = false) => Find(parse, model, excluded) with { CommonLabel = Label(parse) };

    private InputRows Find(ParseResult parse, OpenModel model, bool excluded)
    {
        var (images, labels, source) = (parse.GetRequiredValue(_images), parse.GetValue(_labels), parse.GetValue(_source));
        if (images.Length > 0 && source is not null) throw new CliException(ExitCode.Usage, "--images and --source are two answers to one question; give one.");
        if (images.Length > 0) return InputFiles.Read(model.Image, model.Dataset?.Binarize ?? Binarize.None, images, labels);
        var known = source is null
            ? model.Dataset ?? throw new CliException(ExitCode.Usage, "Which images?", "Give --images FILE (IDX, gzip or not, or PNG), or --source sprites.")
            : (model.Dataset?.Source == DatasetSource.Sprites ? model.Dataset : new DatasetSource { Source = DatasetSource.Sprites }) with { Size = model.Image.Height };
        if (labels is not null) known = known with { Labels = Path.GetFullPath(labels) };
        if (excluded) known = known with { ExcludeLabels = [] };
        return InputFiles.Read(model.Image, known, Part(parse.GetRequiredValue(_rows)));
    }

    private static string Name(RowPart part) => part switch { RowPart.HeldOut => "held-out", RowPart.Train => "train", _ => "all" };

    private static RowPart Part(string name) => name switch { "held-out" => RowPart.HeldOut, "train" => RowPart.Train, _ => RowPart.All };
}
