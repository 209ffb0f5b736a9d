using System.CommandLine;
using Vae.Cli.Local;
using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep run FILE</c>: the whole sweep, here or on a cluster.</summary>
internal static class SweepRunCommand
{
    private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RestartWithin = TimeSpan.FromMinutes(2);

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
        var told = "";
        using var timer = new PeriodicTimer(PollEvery);
        try
        {
            while (true)
            {
                var document = await ReadPatientlyAsync(cluster, accepted.Id, output, cancellation);
                var news = string.Join(", ", document.Sweep.Counts.Where(pair => pair.Value > 0).Select(pair => $"{pair.Value:N0} {pair.Key}"));
                if (news != told) output.Note(told = news);
                if (document.Sweep.State != "running")
                {
                    if (output.Mode.Json) SweepReport.WriteJson(document, output);
                    else SweepReport.WriteText(document, output);
                    return SweepReport.CodeOf(document.Sweep);
                }

                await timer.WaitForNextTickAsync(cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            output.Note($"the sweep goes on without this command; see it with: vae sweep status {accepted.Id} --cluster ...");
            throw;
        }
    }

    // The sweep is durable: a coordinator that is being restarted goes on with it, and so does this command.
    private static async Task<SweepDocument> ReadPatientlyAsync(ClusterClient cluster, string sweep, Output output, CancellationToken cancellation)
    {
        var lostAt = 0L;
        while (true)
        {
            try
            {
                return await cluster.ReadAsync(sweep, cancellation);
            }
            catch (CliException unreachable) when (unreachable.Code == ExitCode.NotReachable)
            {
                if (lostAt == 0)
                {
                    lostAt = Environment.TickCount64;
                    output.Note($"{unreachable.Message} The sweep is stored there; trying again for {RestartWithin.TotalMinutes:F0} minutes.");
                }

                if (Environment.TickCount64 - lostAt > RestartWithin.TotalMilliseconds) throw;
                await Task.Delay(PollEvery, cancellation);
            }
        }
    }
}
