using System.CommandLine;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data.Files;
using Vae.Data.Png;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model generate</c>: new images.</summary>
internal static class GenerateCommand
{
    private const string Prior = "prior", Gaussian = "gaussian", Mixture = "gmm";
    private const int FitRowsMax = 20_000; // Enough for a few hundred covariances of usual size, and seconds to fit.

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var count = ModelOptions.Count(64, "Images.");
        var density = new Option<string>("--density") { Description = "Where latents are drawn from: prior, or a Gaussian (gaussian) or a mixture of Gaussians (gmm) that is fitted to the latents of the training rows.", HelpName = "NAME", DefaultValueFactory = _ => Prior };
        density.AcceptOnlyFromAmong(Prior, Gaussian, Mixture);
        var components = ModelOptions.Number("--components", "N", 10, 1, LatentDensity.ComponentsMax, "Components of gmm.");
        var latents = new Option<string?>("--latents") { Description = "Decode the latents in this .npy file of [n, latent] numbers, or the codes of a vq model, and draw none.", HelpName = "FILE" };
        var label = new Option<int?>("--label") { Description = "Draw images of this label, from a model that takes labels. Without it the picture has a row for each label, and the images of a column share their latent.", HelpName = "N" };
        label.InRange(0, ModelSpec.ClassesMax - 1);
        var inputs = new InputOptions(RowPart.Train, "What the density is fitted to", hasLabel: false);
        var seed = ModelOptions.Seed();
        var target = ModelOptions.Out("samples.png");
        var command = new Command("generate", "Draw new images from the prior or from a density over the latents of the training rows, or decode given latents.") { model, count, label, density, components, latents, seed, target, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var wanted = parse.GetRequiredValue(density);
            var (path, images, chosen) = (parse.GetRequiredValue(target), parse.GetValue(count), parse.GetValue(seed));
            LatentDensity? fitted = null;
            var only = parse.GetValue(label) is { } named ? open.Under(named) : null; // Whatever is drawn, a label that says nothing to the model is told first.
            var isByLabel = open.Model.Model.Classes > 0 && only is null;
            var draws = isByLabel ? Math.Max(1, images / open.Model.Model.Classes) : images;
            float[] values;
            if (parse.GetValue(latents) is { } file)
            {
                if (wanted != Prior) throw new CliException(ExitCode.Usage, "--latents and --density are two answers to one question; give one.");
                values = open.Model.Model is CodeModel coded ? Decode(coded, Read(file, coded.Positions)) : Paint(Read(file, open.Latents.Latent));
            }
            else if (wanted == Prior)
            {
                values = isByLabel || only is not null ? Paint(open.Latents.DrawPrior(draws, chosen)) : open.Model.Model.Generate(images, chosen);
            }
            else
            {
                fitted = Fit(open, inputs.Read(parse, open), wanted == Mixture ? parse.GetValue(components) : 1, chosen);
                values = Paint(fitted.Draw(draws, chosen));
            }

            images = values.Length / open.Image.Values;
            OpenModel.Save(isByLabel ? Panels.ByLabel(open.Image, values, open.Latents.Classes) : Square(open.Image, values, images), path);
            Tell(output, path, images, wanted, fitted);
            return ExitCode.Ok;

            float[] Paint(float[] drawn) => isByLabel ? Generation.UnderEachLabel(open.Latents, drawn) : LatentRows.Decode(only ?? open.Latents, drawn);
        });
        return command;
    }

    private static PngImage Square(ImageShape image, float[] values, int images) => ImageGrid.Squarish(images).Compose(values, image.Channels, image.Height, image.Width);

    private static LatentDensity Fit(OpenModel open, InputRows rows, int components, ulong seed)
    {
        if (open.Latents.Latent > LatentDensity.LatentMax) throw new CliException(ExitCode.InvalidInput, $"The model has {open.Latents.Latent:N0} latent dimensions; a density is fitted over at most {LatentDensity.LatentMax}.", "Draw from the prior.");
        if (rows.Count < 2 * components) throw new CliException(ExitCode.InvalidInput, $"{components:N0} components need at least {2 * components:N0} rows, two for each; {rows.ShownAs} has {rows.Count:N0}.", "Ask for fewer --components.");
        var encoded = LatentRows.Encode(open.Latents, rows.Values(FitRowsMax), rows.LabelsFor(open.Latents, FitRowsMax));
        return LatentDensity.Fit(encoded.Draw(seed), open.Latents.Latent, components, seed);
    }

    private static float[] Decode(CodeModel model, float[] codes)
    {
        var wrong = Array.FindIndex(codes, code => code != MathF.Floor(code) || code < 0 || code >= model.Codes);
        if (wrong >= 0) throw new CliException(ExitCode.InvalidInput, FormattableString.Invariant($"{codes[wrong]} in row {wrong / model.Positions} is no code; they are whole numbers of 0 to {model.Codes - 1}."));
        return model.Decode([.. codes.Select(static code => (int)code)]);
    }

    private static float[] Read(string file, int latent)
    {
        var array = NpyReader.ReadFile(Path.GetFullPath(file), file);
        if (array.Shape.Count != 2 || array.Shape[1] != latent) throw new CliException(ExitCode.InvalidInput, $"{file} holds {string.Join(" x ", array.Shape)} numbers; the model's latents are n x {latent}.");
        if (array.Shape[0] is < 1 or > ModelOptions.ImagesMax) throw new CliException(ExitCode.InvalidInput, $"{file} holds {array.Shape[0]:N0} latents; a picture shows 1 to {ModelOptions.ImagesMax:N0}.");
        return Array.TrueForAll(array.Values, float.IsFinite) ? array.Values : throw new CliException(ExitCode.InvalidInput, $"{file} holds numbers that are not finite.");
    }

    private static void Tell(Output output, string path, int images, string density, LatentDensity? fitted)
    {
        if (!output.Mode.Json)
        {
            output.Line($"{path}: {images:N0} images");
            if (fitted is not null) output.Note($"{density}: {fitted.Components:N0} components, mean ln density of the latents {fitted.History[^1]:F2} nats after {fitted.History.Count:N0} rounds");
            return;
        }

        output.Json("model_generate", json =>
        {
            json.WriteString("file", Path.GetFullPath(path));
            json.WriteNumber("images", images);
            json.WriteString("density", density);
            if (fitted is null) return;
            json.WriteNumber("components", fitted.Components);
            json.WriteNumber("rounds", fitted.History.Count);
            json.WriteFinite("mean_log_density", fitted.History[^1]);
        });
    }
}
