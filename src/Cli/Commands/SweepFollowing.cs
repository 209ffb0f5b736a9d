using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;

namespace Vae.Cli.Commands;

/// <summary>Follows a sweep that somebody else runs until it has ended, through restarts of the coordinator.</summary>
internal static class SweepFollowing
{
    private static readonly TimeSpan PollEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RestartWithin = TimeSpan.FromMinutes(2);

    /// <summary>Tells each change of the counts: a note, or with <paramref name="stream"/> and --json a line.</summary>
    /// <returns>The sweep at its end.</returns>
    public static async Task<SweepDocument> UntilEndAsync(ISweepSource source, string sweep, bool stream, Output output, CancellationToken cancellation)
    {
        var told = "";
        using var timer = new PeriodicTimer(PollEvery);
        try
        {
            while (true)
            {
                var document = await ReadPatientlyAsync(source, sweep, output, cancellation);
                var news = string.Join(", ", document.Sweep.Counts.Where(pair => pair.Value > 0).Select(pair => $"{pair.Value:N0} {pair.Key}"));
                if (news != told) Tell(document.Sweep, told = news, stream, output);
                if (document.Sweep.State != SweepSummary.Running) return document;
                await timer.WaitForNextTickAsync(cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            output.Note($"the sweep goes on without this command; see it again with: vae sweep watch {sweep}");
            throw;
        }
    }

    /// <summary>The results, and what a script learns of them.</summary>
    public static ExitCode WriteEnd(SweepDocument document, Output output)
    {
        if (output.Mode.Json) SweepReport.WriteJson(document, output);
        else SweepReport.WriteText(document, output);
        return SweepReport.CodeOf(document.Sweep);
    }

    private static void Tell(SweepSummary sweep, string news, bool stream, Output output)
    {
        if (stream && output.Mode.Json) SweepReport.WriteSummaryJson(sweep, output, "sweep_progress");
        else output.Note(news);
    }

    // The sweep is durable: a coordinator that is being restarted goes on with it, and so does this command.
    private static async Task<SweepDocument> ReadPatientlyAsync(ISweepSource source, string sweep, Output output, CancellationToken cancellation)
    {
        var lostAt = 0L;
        while (true)
        {
            try
            {
                return await source.ReadAsync(sweep, cancellation);
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
