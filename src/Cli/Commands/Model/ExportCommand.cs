using System.CommandLine;
using System.Text;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Data.Files;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model export</c>: a folder to give away.</summary>
internal static class ExportCommand
{
    private const string Card = "README.md", Samples = "samples.png", Traversed = "traversal.png";
    private const int RowsOfTraversal = 16;
    private const int RateRowsMax = 2_000;

    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var target = new Option<string>("--out") { Description = "Folder to write; made when it is missing.", HelpName = "FOLDER", Required = true };
        var license = new Option<string>("--license") { Description = "Licence of the weights, as model hubs write it.", HelpName = "ID", DefaultValueFactory = _ => "other" };
        var seed = ModelOptions.Seed();
        var command = new Command("export", "Write a folder that model hubs take unchanged: weights, config, model card, pictures, and a loader in plain PyTorch.") { model, target, license, seed, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var folder = Path.GetFullPath(parse.GetRequiredValue(target));
            Directory.CreateDirectory(folder);
            var config = open.Model.Config with { Dataset = WithoutFolders(open.Dataset) };
            List<string> files = [TrainedModel.FileName, ModelConfig.FileName, Samples];
            AtomicFile.Write(Path.Combine(folder, TrainedModel.FileName), stream => TrainedModel.Write(stream, open.Model.Network, 0, config));
            Write(ModelConfig.FileName, Encoding.UTF8.GetBytes(config.Write()));
            OpenModel.Save(open.Pictures.Samples(64, parse.GetValue(seed)), Path.Combine(folder, Samples));
            Write(PyTorchLoader.FileName, Encoding.UTF8.GetBytes(PyTorchLoader.Write(open.Model.Network, config.Trial.Model)));
            files.Add(PyTorchLoader.FileName);
            if (Traverse(open, output) is { } picture)
            {
                OpenModel.Save(picture, Path.Combine(folder, Traversed));
                files.Add(Traversed);
            }

            Write(Card, Encoding.UTF8.GetBytes(ModelCard.Write(config, Path.GetFileName(folder.TrimEnd(Path.DirectorySeparatorChar)), parse.GetRequiredValue(license), files)));
            files.Add(Card);
            if (output.Mode.Json)
            {
                output.Json("model_export", json =>
                {
                    json.WriteString("folder", folder);
                    json.WriteStartArray("files");
                    foreach (var file in files) json.WriteStringValue(file);
                    json.WriteEndArray();
                });
            }
            else
            {
                output.Line($"{parse.GetRequiredValue(target)}: {string.Join(", ", files)}");
            }

            return ExitCode.Ok;

            void Write(string name, byte[] content) => AtomicFile.WriteAllBytes(Path.Combine(folder, name), content);
        });
        return command;
    }

    // A path of this machine does not belong into what is given away; how the data was prepared does.
    private static DatasetSource? WithoutFolders(DatasetSource? source) => source is null ? null : source with
    {
        Images = source.Images is { } images ? Path.GetFileName(images) : null,
        Labels = source.Labels is { } labels ? Path.GetFileName(labels) : null,
    };

    // Which dimensions matter is told by data alone; where the data is gone, so is this picture, and nothing else.
    private static Data.Png.PngImage? Traverse(OpenModel open, Output output)
    {
        if (open.Dataset is not { } known) return null;
        try
        {
            var rows = InputFiles.Read(open.Image, known, RowPart.HeldOut);
            var rates = LatentRows.Encode(open.Latents, rows.Values(RateRowsMax), rows.LabelsFor(open.Latents, RateRowsMax)).MeanRates();
            int[] order = [.. Traversal.Order(rates).Take(RowsOfTraversal)];
            return Panels.Traversed(open.Image, Traversal.Of(open.Latents.Under(0), open.Latents.PriorMean(), order, Traversal.Spread(3, 11)), rates);
        }
        catch (Exception missing) when (missing is DatasetException or CliException)
        {
            output.Note($"no {Traversed}: {missing.Message}");
            return null;
        }
    }
}
