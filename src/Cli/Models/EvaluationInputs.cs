using System.Globalization;
using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Shared.Datasets;

namespace Vae.Cli.Models;

/// <summary>What the user says about the rows to evaluate on.</summary>
/// <param name="Images">An IDX file of the user's own; null: what the model was trained on.</param>
/// <param name="Labels">Labels of the images.</param>
/// <param name="Source"><c>sprites</c>, or null.</param>
/// <param name="Binarize">How grey values become bits; null: as in training.</param>
/// <param name="Rows">At most so many; null: all.</param>
internal sealed record EvaluationChoice(string? Images, string? Labels, string? Source, Binarize? Binarize, int? Rows);

/// <summary>The rows that a model is evaluated on.</summary>
/// <param name="Data">All rows.</param>
/// <param name="Ranges">Which of them.</param>
/// <param name="Factors">Factors can be drawn at will.</param>
/// <param name="Told">For people: which rows these are.</param>
internal sealed record EvaluationInputs(Dataset Data, EvaluationRanges Ranges, bool Factors, string Told)
{
    /// <exception cref="CliException">The answers do not fit together, or the images do not fit the model.</exception>
    public static EvaluationInputs Find(OpenModel model, EvaluationChoice choice)
    {
        var image = model.Image;
        var given = Source(model, choice, image.Height);
        var data = DatasetLoader.Load(given, Environment.CurrentDirectory);
        RequireFit(data.Images, model);
        if (model.Model.Model.Classes > 0) RequireLabels(data.Images, model.Latents);
        var all = data.HeldOut > 0 ? new RowRange(data.TrainRows, data.HeldOut) : new RowRange(0, data.Images.Count);
        var heldOut = all with { Count = Math.Min(all.Count, choice.Rows ?? int.MaxValue) };
        var train = data.HeldOut > 0 ? new RowRange(0, data.TrainRows) : new RowRange(0, 0);
        var own = choice.Images is null && choice.Source is null;
        var told = string.Create(CultureInfo.InvariantCulture,
            $"{heldOut.Count:N0} ({heldOut.First:N0} to {heldOut.End - 1:N0} of {data.Images.Count:N0}; {(data.HeldOut > 0 ? "held out" : own ? "none was held out: the model was trained on them" : "all of a file of your own")})");
        return new(data, new(train, heldOut), given.Source == DatasetSource.Sprites && image.Channels == 1, told);
    }

    /// <summary>Reads another file of images of the model's size.</summary>
    public static Dataset Load(string images, Binarize binarize, OpenModel model)
    {
        var data = DatasetLoader.Load(new DatasetSource { Source = DatasetSource.Idx, Images = images, HoldOut = 0, Binarize = binarize }, Environment.CurrentDirectory);
        RequireFit(data.Images, model);
        return data;
    }

    /// <summary>The held-out rows that training left out by their labels, if these inputs are the model's own; null when there are none.</summary>
    public static ImageSet? Excluded(OpenModel model, EvaluationChoice choice)
    {
        if ((model.Model.Model.Classes > 0 && !model.Latents.InfersLabels) || choice.Images is not null || choice.Source is not null || model.Dataset is not { ExcludeLabels: { Count: > 0 } excluded }) return null;
        var all = DatasetLoader.Load(Source(model, choice, model.Image.Height) with { ExcludeLabels = [] }, Environment.CurrentDirectory);
        return LabelFilter.Only(all.Images, all.HeldOut > 0 ? all.TrainRows : 0, excluded);
    }

    private static DatasetSource Source(OpenModel model, EvaluationChoice choice, int size)
    {
        var known = model.Dataset;
        var binarize = choice.Binarize ?? known?.Binarize ?? Binarize.None;
        return (choice, known) switch
        {
            ({ Images: not null, Source: not null }, _) => throw new CliException(ExitCode.Usage, "--images and --source are two answers to one question; give one."),
            ({ Source: not null, Labels: not null }, _) => throw new CliException(ExitCode.Usage, "Sprites bring their own labels; leave out --labels."),
            ({ Images: { } images }, _) => new DatasetSource { Source = DatasetSource.Idx, Images = images, Labels = choice.Labels, HoldOut = 0, Binarize = binarize },
            ({ Source: not null }, _) => (known?.Source == DatasetSource.Sprites ? known : new DatasetSource { Source = DatasetSource.Sprites }) with { Size = size, Binarize = binarize },
            ({ Labels: { } labels }, { Source: DatasetSource.Idx }) => known with { Labels = labels, Binarize = binarize },
            ({ Labels: not null }, _) => throw new CliException(ExitCode.Usage, "To which images do these labels belong?", "Give --images FILE too."),
            (_, not null) => known with { Binarize = binarize },
            _ => throw new CliException(ExitCode.Usage, "On which images?", "Neither the model nor the store under --home tells what it was trained on. Give --images FILE (IDX, gzip or not), or --source sprites."),
        };
    }

    private static void RequireLabels(ImageSet set, LatentModel model)
    {
        if (!set.HasLabels && !model.InfersLabels)
            throw new CliException(ExitCode.InvalidInput, "The model takes the label of each image, and these images have none.", "Give --labels FILE (IDX, one label per image).");
        if (set.Classes > model.Classes)
            throw new CliException(ExitCode.InvalidInput, $"These images have labels from 0 to {set.Classes - 1}; the model was trained on 0 to {model.Classes - 1}.", "Give the labels that belong to the model's data.");
    }

    private static void RequireFit(ImageSet set, OpenModel model)
    {
        var image = model.Image;
        if ((set.Channels, set.Height, set.Width) == (image.Channels, image.Height, image.Width)) return;
        throw new CliException(ExitCode.InvalidInput,
            $"The images are {set.Channels} x {set.Height} x {set.Width}, but the model takes {image.Channels} x {image.Height} x {image.Width}.", "Give images of the model's size.");
    }
}
