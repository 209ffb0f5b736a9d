using System.CommandLine;
using Vae.Cli.Local;
using Vae.Cli.Sources;
using Vae.Cli.Terminal;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep run FILE</c>: the whole sweep, here or on a cluster.</summary>
internal static class SweepRunCommand
{
    public static Command Create()
    {
        var file = SweepCommands.FileArgument();
        var local = new LocalOptions();
        var source = new SourceOptions();
        var command = new Command("run", "Run a sweep and show its trials, the best first. Exit code 6 when some trials failed.") { file };
        local.AddTo(command);
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var cluster = source.OpenCluster(parse);
            await using var here = cluster is null ? new LocalSweep(local.Read(parse), output) : null;
            if (SweepFile.Read(parse.GetRequiredValue(file), output) is not { } sweep) return ExitCode.InvalidInput;
            return here is null
                ? await RunOnClusterAsync(sweep, cluster!, output, cancellation)
                : await here.RunAsync(sweep.Definition, sweep.Text, sweep.BaseDirectory, cancellation);
        });
        return command;
    }

    private static async Task<ExitCode> RunOnClusterAsync(SweepFile sweep, ClusterClient cluster, Output output, CancellationToken cancellation)
    {
        var accepted = await cluster.SubmitAsync(sweep.Text, cancellation);
        output.Note($"sweep {accepted.Id} ({sweep.Definition.Name}): {accepted.Trials:N0} trials handed to the coordinator");
        return SweepFollowing.WriteEnd(await SweepFollowing.UntilEndAsync(cluster, accepted.Id, stream: false, output, cancellation), output);
    }
}
