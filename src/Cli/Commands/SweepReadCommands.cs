using System.CommandLine;
using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep list|status|results</c>: what the store, or a coordinator, knows.</summary>
internal static class SweepReadCommands
{
    public static Command CreateList()
    {
        var source = new SourceOptions();
        var command = new Command("list", "List all sweeps, the newest first.");
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var sweeps = source.Open(parse);
            var list = await sweeps.ListAsync(cancellation);
            if (output.Mode.Json) SweepReport.WriteListJson(list, output);
            else if (list.Count > 0) SweepReport.WriteList(list, output);
            else output.Note("There are no sweeps yet. Run one: vae sweep run examples/quickstart.yaml");
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateStatus() => Create("status", "Show where a sweep and its trials stand.", (sweeps, document, output, _) =>
    {
        if (output.Mode.Json) SweepReport.WriteJson(document, output, "sweep_status");
        else SweepReport.WriteStatus(document, output);
    });

    public static Command CreateResults()
    {
        var trial = new Option<int?>("--trial") { Description = "One trial with all its figures and files.", HelpName = "N" };
        var command = Create("results", "Show the ranked trials of a sweep, or one of them.", (sweeps, document, output, parse) =>
        {
            if (parse.GetValue(trial) is { } index) WriteTrial(sweeps, document, index, output);
            else if (output.Mode.Json) SweepReport.WriteJson(document, output);
            else SweepReport.WriteText(document, output);
        });
        command.Options.Add(trial);
        return command;
    }

    private static void WriteTrial(ISweepSource sweeps, SweepDocument document, int index, Output output)
    {
        if (index < 0 || index >= document.Sweep.Trials)
        {
            throw new CliException(ExitCode.InvalidInput, $"Sweep {document.Sweep.Id} has no trial {index}; it has 0 to {document.Sweep.Trials - 1}.");
        }

        if (document.Trials.FirstOrDefault(trial => trial.Trial == index) is not { } found)
        {
            throw new CliException(ExitCode.InvalidInput, $"Trial {index} of sweep {document.Sweep.Id} has not started.");
        }

        if (output.Mode.Json) SweepReport.WriteJson(document with { Trials = [found] }, output);
        else SweepReport.WriteTrial(found, sweeps.FolderOf(document.Sweep.Id, index), output);
    }

    public static Argument<string> SweepArgument() =>
        new("SWEEP") { Description = "Id of the sweep, the beginning of it, its name, or `last`. Default: last.", DefaultValueFactory = _ => SweepLookup.Last };

    private static Command Create(string name, string description, Action<ISweepSource, SweepDocument, Output, ParseResult> show)
    {
        var id = SweepArgument();
        var source = new SourceOptions();
        var command = new Command(name, description) { id };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var sweeps = source.Open(parse);
            var found = SweepLookup.Find(await sweeps.ListAsync(cancellation), parse.GetRequiredValue(id));
            show(sweeps, await sweeps.ReadAsync(found.Id, cancellation), output, parse);
            return ExitCode.Ok;
        });
        return command;
    }
}
