using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using Vae.Cli.Reports;
using Vae.Cli.Terminal;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Local;

/// <summary>What the user said about the run, beside the sweep itself.</summary>
internal sealed record LocalSweepOptions(string Home, int? Workers, int? Threads, string? Device, int? HttpPort);

/// <summary>
/// A sweep on this machine alone: a coordinator in this process, workers as processes of their own. The first worker starts with this object, before the sweep file
/// is read, because loading libtorch takes longest; the coordinator starts beside it. Whatever ends the sweep, the workers leave before the coordinator does, so that nothing they know is lost.
/// </summary>
internal sealed class LocalSweep(LocalSweepOptions options, Output output) : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private readonly WorkerProcesses _workers = WorkerProcesses.StartFirst(options.Home);
    private readonly HashSet<string> _mourned = [];
    private bool _warnedOfStore;

    /// <summary>Runs the sweep to its end and shows the result.</summary>
    /// <param name="definition">A valid sweep.</param>
    /// <param name="source">Its text, as the user wrote it.</param>
    /// <param name="baseDirectory">What relative data paths are meant from.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    public Task<ExitCode> RunAsync(SweepDefinition definition, string source, string baseDirectory, CancellationToken cancellation) =>
        HostAsync(definition, baseDirectory, resume: null, async (host, plan) =>
        {
            await using var news = new News(host); // Before the submission, so that its first fact is not missed.
            var sweep = await host.SubmitAsync(definition, source, baseDirectory, cancellation);
            output.Note($"sweep {sweep} ({definition.Name}): {Units.Count((int)SweepTrials.Count(definition), "trial")} on {Units.Count(plan.Workers, "worker")} of {Units.Count(plan.Threads, "thread")}");
            return await FollowAsync(sweep, definition, host, news, history: [], cancellation);
        }, cancellation);

    /// <summary>Goes on with a sweep that was stopped, or whose process was killed, and shows the result.</summary>
    /// <param name="sweep">A sweep of the home folder that has not ended.</param>
    /// <param name="definition">What it was submitted with.</param>
    /// <param name="baseDirectory">What relative data paths are meant from.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    public Task<ExitCode> ResumeAsync(SweepId sweep, SweepDefinition definition, string baseDirectory, CancellationToken cancellation) =>
        HostAsync(definition, baseDirectory, sweep, async (host, plan) =>
        {
            await using var news = new News(host);
            var history = host.History(sweep);
            var view = host.View(sweep);
            output.Note($"sweep {sweep} ({definition.Name}) goes on: {Units.Count(view.Ended, "trial")} of {view.Trials} ended; {Units.Count(plan.Workers, "worker")} of {Units.Count(plan.Threads, "thread")}");
            return await FollowAsync(sweep, definition, host, news, history, cancellation);
        }, cancellation);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _workers.DisposeAsync();

    private async Task<ExitCode> HostAsync(SweepDefinition definition, string baseDirectory, SweepId? resume, Func<CoordinatorHost, LocalPlan, Task<ExitCode>> run, CancellationToken cancellation)
    {
        var plan = LocalPlan.For(definition, options.Workers, options.Threads, options.Device, LocalMachine.Find());
        DataFiles.RequirePresent(definition.Dataset, baseDirectory);
        var folders = new SweepFolders(options.Home);
        Directory.CreateDirectory(folders.Home);
        _workers.StartAll(plan);
        using var logs = Logs.ForEmbedded(output.Mode);
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorOptions { Home = folders.Home, HttpPort = options.HttpPort, Resume = resume }, logs, cancellation);
        try
        {
            _workers.Introduce(string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{host.Port}"), plan);
            return await run(host, plan);
        }
        finally
        {
            await _workers.DisposeAsync(); // Before the coordinator ends: what they still know must reach it.
        }
    }

    private async Task<ExitCode> FollowAsync(SweepId sweep, SweepDefinition definition, CoordinatorHost host, News news, IReadOnlyList<SweepEvent> history, CancellationToken cancellation)
    {
        if (host.HttpAddress is { } address) output.Note($"metrics and API: {address}");
        using var labels = new TrialList(definition);
        var progress = new SweepProgress(sweep, definition.Name, (int)SweepTrials.Count(definition), index => labels[index].Label, _startedAt);
        foreach (var fact in history) progress.Observe(new ObserverMessage.FactRecorded(fact));
        news.Skip(history);
        bool interrupted;
        await using (var display = SweepDisplay.For(output, progress))
        {
            interrupted = await FollowAsync(sweep, progress, display, news.Reader, host, cancellation);
        }

        _ = _workers.LeaveAsync(); // While the results are shown; the caller waits for them.
        return Conclude(host, sweep, interrupted);
    }

    // True when the user stopped it.
    private async Task<bool> FollowAsync(
        SweepId sweep, SweepProgress progress, ISweepDisplay display, ChannelReader<ObserverMessage> news, CoordinatorHost host, CancellationToken cancellation)
    {
        Task? leaving = null;
        long lookedAt = Stopwatch.GetTimestamp(), drawnAt = 0;
        while (progress.State is null)
        {
            while (news.TryRead(out var message)) display.Show(message, progress.Observe(message));
            if (progress.State is not null) break;

            // News may be dropped when there are too many; the store knows the end in any case.
            if (Stopwatch.GetElapsedTime(lookedAt) > LookEvery)
            {
                if (host.View(sweep).State != SweepState.Running) break;
                lookedAt = Stopwatch.GetTimestamp();
            }

            // The workers store where they are and go; the sweep stays as it is, for whoever goes on with it.
            if (cancellation.IsCancellationRequested) leaving ??= _workers.HandOverAsync();
            if (leaving is { IsCompleted: true }) break;
            if (host.Failure.IsCompleted) await host.Failure;
            if (Stopwatch.GetElapsedTime(drawnAt) >= Tick)
            {
                if (leaving is null) Mourn();
                WarnOfStore(host);
                display.Tick();
                drawnAt = Stopwatch.GetTimestamp();
            }

            await NewsOrTickAsync(news);
        }

        return leaving is not null && progress.State is null;
    }

    private static async Task NewsOrTickAsync(ChannelReader<ObserverMessage> news)
    {
        using var tick = new CancellationTokenSource(Tick);
        try
        {
            await news.WaitToReadAsync(tick.Token);
        }
        catch (OperationCanceledException) when (tick.IsCancellationRequested)
        {
            // Time to look at the workers.
        }
    }

    // A full disk does not stop training: what would be stored waits. Whoever watches can make room; who does not, stops the run.
    private void WarnOfStore(CoordinatorHost host)
    {
        var trouble = host.StoreTrouble;
        if (trouble is not null && !_warnedOfStore)
        {
            output.Warning(trouble.Fault == StoreFault.DiskFull
                ? $"the disk of {host.Folders.Home} is full: training goes on, results and curves wait. Free some space and they are stored"
                : $"nothing can be stored at present, which is tried again: {trouble.Message}");
        }

        _warnedOfStore = trouble is not null;
    }

    // One dead worker costs time only; without any, nothing would ever happen again.
    private void Mourn()
    {
        var dead = _workers.Dead();
        if (dead.Count == 0) return;
        if (dead.Count == _workers.Count)
        {
            var last = dead[^1];
            throw new CliException(ExitCode.Failed, $"every local worker has ended; {last.Name} with exit code {last.ExitCode}. Its last lines:\n{last.Tail}", $"The whole log is {last.LogFile}. Run `vae doctor` to check this machine.");
        }

        foreach (var worker in dead)
        {
            if (_mourned.Add(worker.Name)) output.Warning($"{worker.Name} ended with exit code {worker.ExitCode}; the others go on. Its log is {worker.LogFile}");
        }
    }

    private ExitCode Conclude(CoordinatorHost host, SweepId sweep, bool interrupted)
    {
        var view = host.View(sweep);
        var document = SweepDocument.Of(view).WithGaps(host.Folders);
        if (interrupted && view.State == SweepState.Running)
        {
            if (output.Mode.Json) SweepReport.WriteJson(document with { Sweep = document.Sweep with { State = SweepSummary.Interrupted, Reason = "stopped by the user" } }, output);
            var stored = view.Touched.Count(row => !row.HasEnded && view.Checkpoints.NewestOf(row.Index) is not null);
            output.Note($"stopped: {view.Count(TrialState.Done)} of {view.Trials} trials are done and kept in {host.Folders.Sweep(sweep)}; {Units.Count(stored, "trial")} can go on where {(stored == 1 ? "it is" : "they are")}");
            output.Note($"see them: vae sweep results {sweep}{HomeArgument()}");
            output.Note($"go on: {ResumeCommand(sweep)}");
            return ExitCode.Interrupted;
        }

        if (view.State == SweepState.Failed && view.Dataset is null)
        {
            throw new CliException(ExitCode.InvalidInput, $"the sweep could not start: {view.Reason}");
        }

        if (output.Mode.Json)
        {
            SweepReport.WriteJson(document, output);
            return SweepReport.CodeOf(document.Sweep);
        }

        SweepReport.WriteText(document, output);
        output.Note($"files: {Path.Combine(host.Folders.Sweep(sweep), "trials")}");
        if (document.Sweep.BestTrial is not null) output.Note($"next: vae model generate best:{sweep}{HomeArgument()} --out samples.png");
        return SweepReport.CodeOf(document.Sweep);
    }

    // With the same workers as now: what was computed with others may differ in its last bits.
    private string ResumeCommand(SweepId sweep)
    {
        List<string> words = ["sweep", "resume", sweep.Value];
        if (options.Workers is { } workers) words.AddRange(["--workers", workers.ToString(CultureInfo.InvariantCulture)]);
        if (options.Threads is { } threads) words.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
        if (options.Device is { } device) words.AddRange(["--device", device]);
        if (options.Home != GlobalOptions.HomeDefault) words.AddRange(["--home", options.Home]);
        return ShellText.Command([.. words]);
    }

    private string HomeArgument() => options.Home == GlobalOptions.HomeDefault ? "" : $" --home {options.Home}";
}
