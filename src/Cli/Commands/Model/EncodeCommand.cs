using System.CommandLine;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Data.Files;
using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model encode</c>: the latents of images, for other programs.</summary>
internal static class EncodeCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var target = new Option<string>("--out") { Description = "File to write: .npy (float32; int32 codes of a vq model), or .csv with the row's number and, where known, its label.", HelpName = "FILE", DefaultValueFactory = _ => "latents.npy" };
        var logVariances = new Option<bool>("--log-variances") { Description = "Write the posterior's log variances too: .npy becomes [n, 2, latent], means first; .csv gets as many columns more." };
        var inputs = new InputOptions(RowPart.HeldOut, "What to encode");
        var command = new Command("encode", "Write the posterior means of images, or the codes of a vq model, for classifiers and plots elsewhere.") { model, target, logVariances, device };
        inputs.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            var (file, both) = (parse.GetRequiredValue(target), parse.GetValue(logVariances));
            var isCsv = Path.GetExtension(file).ToLowerInvariant() switch
            {
                ".csv" => true,
                ".npy" => false,
                _ => throw new CliException(ExitCode.Usage, $"--out {file}: which format?", "Let the name end in .npy or .csv."),
            };
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var rows = inputs.Read(parse, open);
            int[] labels = rows.HasLabels ? [.. Enumerable.Range(0, rows.Count).Select(row => rows.Label(row)!.Value)] : [];
            if (open.Model.Model is CodeModel coded)
            {
                if (both) throw new CliException(ExitCode.InvalidInput, "--log-variances: a vq model has codes, which have no variance.", "Leave it out.");
                WriteCodes(output, file, isCsv, coded, coded.Encode(rows.Values()), labels);
                return ExitCode.Ok;
            }

            var latents = LatentRows.Encode(open.Latents, rows.Values(), rows.LabelsFor(open.Latents));
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
            AtomicFile.Write(file, stream =>
            {
                if (isCsv) LatentFiles.WriteCsv(stream, latents, both, labels);
                else LatentFiles.WriteNpy(stream, latents, both);
            });
            if (output.Mode.Json)
            {
                output.Json("model_encode", json =>
                {
                    json.WriteString("file", Path.GetFullPath(file));
                    json.WriteNumber("rows", latents.Count);
                    json.WriteNumber("latent", latents.Latent);
                    json.WriteBoolean("log_variances", both);
                });
            }
            else
            {
                output.Line($"{file}: {latents.Count:N0} rows of {latents.Latent:N0} means{(both ? " and log variances" : "")}");
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static void WriteCodes(Output output, string file, bool isCsv, CodeModel model, int[] codes, int[] labels)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
        AtomicFile.Write(file, stream =>
        {
            if (isCsv) CodeFiles.WriteCsv(stream, model.Positions, codes, labels);
            else CodeFiles.WriteNpy(stream, model.Positions, codes);
        });
        var rows = codes.Length / model.Positions;
        if (!output.Mode.Json)
        {
            output.Line($"{file}: {rows:N0} rows of {model.Positions:N0} codes, each 0 to {model.Codes - 1:N0}");
            return;
        }

        output.Json("model_encode", json =>
        {
            json.WriteString("file", Path.GetFullPath(file));
            json.WriteNumber("rows", rows);
            json.WriteNumber("positions", model.Positions);
            json.WriteNumber("codes", model.Codes);
        });
    }
}
