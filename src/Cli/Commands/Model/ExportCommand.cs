using System.CommandLine;
using System.Text;
using Vae.Cli.Models;
using Vae.Data.Files;
using Vae.Models.Files;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model export</c>: a folder to give away.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var target = new Option<string>("--out") { Description = "Folder to write; made when it is missing.", HelpName = "FOLDER", Required = true };
        var license = new Option<string>("--license") { Description = "Licence of the weights, as model hubs write it.", HelpName = "ID", DefaultValueFactory = _ => "other" };
        var seed = ModelOptions.Seed();
        var command = new Command("export", "Write a folder that model hubs take unchanged: weights, config, model card, samples.") { model, target, license, seed, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var folder = Path.GetFullPath(parse.GetRequiredValue(target));
            Directory.CreateDirectory(folder);
            var config = open.Model.Config; // As it is: a path of this machine does not belong into what is given away.
            var name = Path.GetFileName(folder.TrimEnd(Path.DirectorySeparatorChar));
            AtomicFile.Write(Path.Combine(folder, TrainedModel.FileName), stream => TrainedModel.Write(stream, open.Model.Network, 0, config));
            AtomicFile.WriteAllBytes(Path.Combine(folder, ModelConfig.FileName), Encoding.UTF8.GetBytes(config.Write()));
            AtomicFile.WriteAllBytes(Path.Combine(folder, "README.md"), Encoding.UTF8.GetBytes(ModelCard.Write(config with { Dataset = open.Dataset }, name, parse.GetRequiredValue(license))));
            OpenModel.Save(open.Pictures.Samples(64, parse.GetValue(seed)), Path.Combine(folder, "samples.png"));
            if (output.Mode.Json) output.Json("model_export", json => json.WriteString("folder", folder));
            else output.Line($"{parse.GetRequiredValue(target)}: {TrainedModel.FileName}, {ModelConfig.FileName}, README.md, samples.png");
            return ExitCode.Ok;
        });
        return command;
    }
}
