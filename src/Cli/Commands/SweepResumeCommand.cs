using System.CommandLine;
using Vae.Cli.Local;
using Vae.Cli.Sources;
using Vae.Coordinator.Projections;
using Vae.Shared;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep resume</c>: goes on with a sweep that was stopped, or whose process was killed.</summary>
internal static class SweepResumeCommand
{
    public static Command Create()
    {
        var id = new Argument<string?>("SWEEP") { Description = "Id of the sweep, the beginning of it, or its name. Default: the newest one that was stopped.", Arity = ArgumentArity.ZeroOrOne };
        var local = new LocalOptions();
        var command = new Command("resume", "Go on with a sweep that was stopped or killed: each trial from its last checkpoint, bit for bit on the processor with the same workers.") { id };
        local.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            var options = local.Read(parse);
            await using var here = new LocalSweep(options, output);
            using var source = new LocalSource(options.Home);
            var found = Choose(await source.ListAsync(cancellation), parse.GetValue(id));
            var (definition, baseDirectory) = source.SubmissionOf(found.Id);
            return await here.ResumeAsync(new SweepId(found.Id), definition, baseDirectory, cancellation);
        });
        return command;
    }

    /// <param name="sweeps">Oldest first.</param>
    /// <param name="typed">Null for the newest that can go on.</param>
    /// <exception cref="CliException">There is none, or it has ended, or it runs.</exception>
    internal static SweepSummary Choose(IReadOnlyList<SweepSummary> sweeps, string? typed)
    {
        if (typed is null)
        {
            return sweeps.LastOrDefault(sweep => sweep.State == SweepSummary.Interrupted)
                ?? throw new CliException(ExitCode.InvalidInput, "There is no sweep to go on with: none was stopped before its end.", "`vae sweep list` shows all.");
        }

        var found = SweepLookup.Find(sweeps, typed);
        return found.State switch
        {
            SweepSummary.Interrupted => found,
            "running" => throw new CliException(ExitCode.InvalidInput, $"Sweep {found.Id} is running; there is nothing to go on with.", $"Watch it: vae sweep status {found.Id}"),
            _ => throw new CliException(ExitCode.InvalidInput, $"Sweep {found.Id} has ended ({found.State}); there is nothing to go on with.", $"See it: vae sweep results {found.Id}"),
        };
    }
}
