using System.CommandLine;
using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Coordinator.Projections;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep submit|watch|cancel|export</c>: sweeps that a coordinator runs, from elsewhere.</summary>
internal static class SweepClusterCommands
{
    public static Command CreateSubmit()
    {
        var file = SweepCommands.FileArgument();
        var source = SourceOptions.OfCluster(SourceOptions.DefaultAddress);
        var command = new Command("submit", "Hand a sweep to a coordinator, print its id, and leave. The coordinator goes on with it, whatever becomes of this machine.") { file };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var cluster = source.OpenCluster(parse, SourceOptions.DefaultAddress);
            if (SweepFile.Read(parse.GetRequiredValue(file), output) is not { } sweep) return ExitCode.InvalidInput;
            var accepted = await cluster.SubmitAsync(sweep.Text, cancellation);
            output.Note($"{sweep.Definition.Name}: {accepted.Trials:N0} trials; follow them with: vae sweep watch {accepted.Id} --cluster {cluster.Address}");
            if (!output.Mode.Json) output.Line(accepted.Id);
            else output.Json("sweep_submitted", json =>
            {
                json.WriteString("id", accepted.Id);
                json.WriteNumber("trials", accepted.Trials);
            });
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateWatch()
    {
        var id = SweepReadCommands.SweepArgument();
        var source = new SourceOptions();
        var command = new Command("watch", "Follow a sweep until it has ended, then show its results. Exit code 6 when some trials failed; Ctrl-C ends this command and not the sweep.") { id };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var sweeps = source.Open(parse);
            var found = SweepLookup.Find(await sweeps.ListAsync(cancellation), parse.GetRequiredValue(id));
            output.Note($"sweep {found.Id} ({found.Name}): {found.Trials:N0} trials");
            return SweepFollowing.WriteEnd(await SweepFollowing.UntilEndAsync(sweeps, found.Id, stream: true, output, cancellation), output);
        });
        return command;
    }

    public static Command CreateCancel()
    {
        var id = new Argument<string>("SWEEP") { Description = "Id of the sweep, the beginning of it, its name, or `last`." };
        var source = SourceOptions.OfCluster(SourceOptions.DefaultAddress);
        var command = new Command("cancel", "Stop a sweep that a coordinator runs, for good. Trials that have ended keep their results.") { id };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var cluster = source.OpenCluster(parse, SourceOptions.DefaultAddress);
            var found = SweepLookup.Find(await cluster.ListAsync(cancellation), parse.GetRequiredValue(id));
            if (found.State != SweepSummary.Running) throw new CliException(ExitCode.InvalidInput, $"sweep {found.Id} ({found.Name}) is not running: {found.State}.", "`vae sweep list` shows what runs.");
            await cluster.CancelAsync(found.Id, cancellation);
            var ended = (await SweepFollowing.UntilEndAsync(cluster, found.Id, stream: false, output, cancellation)).Sweep;
            if (output.Mode.Json) SweepReport.WriteSummaryJson(ended, output, "sweep");
            else output.Note($"sweep {ended.Id} ({ended.Name}): {ended.State}; its results: vae sweep results {ended.Id} --cluster {cluster.Address}");
            return ended.State == "cancelled" ? ExitCode.Ok : SweepReport.CodeOf(ended); // It may have ended by itself just before.
        });
        return command;
    }

    public static Command CreateExport()
    {
        var id = SweepReadCommands.SweepArgument();
        var to = new Option<string?>("--out") { Description = "Folder to make; it must not exist, or be empty. Default: NAME-ID in the current folder.", HelpName = "FOLDER" };
        var source = new SourceOptions();
        var command = new Command("export", "Write a sweep into a folder: its file, results.json, curves.csv of all trials, and the files of the best trial under best/.") { id, to };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var sweeps = source.Open(parse);
            var found = SweepLookup.Find(await sweeps.ListAsync(cancellation), parse.GetRequiredValue(id));
            var folder = Path.GetFullPath(parse.GetValue(to) ?? $"{SweepExport.FolderName(found.Name)}-{found.Id}");
            var files = await SweepExport.WriteAsync(sweeps, found.Id, folder, output, cancellation);
            if (!output.Mode.Json) output.Line(folder);
            else output.Json("sweep_export", json =>
            {
                json.WriteString("id", found.Id);
                json.WriteString("folder", folder);
                json.WriteStartArray("files");
                foreach (var file in files) json.WriteStringValue(file);
                json.WriteEndArray();
            });
            return ExitCode.Ok;
        });
        return command;
    }
}
