using System.Diagnostics;
using System.Globalization;
using Vae.Cli.Commands;
using Vae.Coordinator.Hosting;
using Vae.Runtime.Remoting;

namespace Vae.Cli.Local;

/// <summary>A worker that ended although nobody asked it to.</summary>
internal sealed record DeadWorker(string Name, int ExitCode, string LogFile, string Tail);

/// <summary>
/// Worker processes on this machine. Each holds the read end of a pipe on its stdin: when this process dies, even by kill -9, the pipe
/// closes and the worker leaves, so no orphan keeps a core busy. The first starts before the sweep file is even read, for loading libtorch takes longer than all else together;
/// an <see cref="Introduction"/> on the pipe tells it what to do.
/// </summary>
internal sealed class WorkerProcesses : IAsyncDisposable
{
    private static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan HandOverWithin = TimeSpan.FromSeconds(32); // Longer than a worker gives itself.

    private readonly SweepFolders _folders;
    private readonly List<Worker> _workers = [];
    private bool _introduced;
    private Task? _leaving;

    private WorkerProcesses(SweepFolders folders) => _folders = folders;

    public int Count => _workers.Count;

    /// <summary>Starts the one worker that every run needs. Nothing is written before it is introduced.</summary>
    /// <param name="home">Folder of sweeps and cluster token; need not exist yet.</param>
    public static WorkerProcesses StartFirst(string home)
    {
        var workers = new WorkerProcesses(new SweepFolders(home));
        workers.StartOne();
        return workers;
    }

    /// <summary>Starts the others, so that they load libtorch while the coordinator starts.</summary>
    public void StartAll(LocalPlan plan)
    {
        while (_workers.Count < plan.Workers) StartOne();
    }

    /// <summary>Tells all workers where the coordinator listens and what each may use.</summary>
    public void Introduce(string coordinator, LocalPlan plan)
    {
        _introduced = true;
        Directory.CreateDirectory(_folders.Logs);
        for (var i = 0; i < _workers.Count; i++)
        {
            _workers[i].OpenLog();
            _workers[i].Tell(new Introduction(coordinator, plan.DeviceOf(i), plan.Threads).Write());
        }
    }

    private void StartOne()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"worker-{_workers.Count + 1}");
        var start = new ProcessStartInfo(Environment.ProcessPath ?? throw new InvalidOperationException("This process has no executable path."))
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };

        // Under `dotnet vae.dll` the executable is dotnet itself and needs to be told which program to run.
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "vae.dll"));
        foreach (var argument in (string[])["worker", "--name", name, "--coordinator", NodeCommands.CoordinatorFromStdin, "--token-file", ClusterToken.FileFor(_folders.Home), "--cache", _folders.Cache,
            "--exit-with-stdin"])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        _workers.Add(new Worker(name, process, Path.Combine(_folders.Logs, $"{name}.log")));
    }

    /// <summary>Workers that have ended although nobody asked them to, with the end of their logs.</summary>
    public IReadOnlyList<DeadWorker> Dead() => [.. _workers.Where(worker => worker.Process.HasExited).Select(worker => worker.Report())];

    /// <summary>Tells all workers to store where their trials are and to leave, and waits until they have, or their time is over; then as <see cref="LeaveAsync"/>.</summary>
    public async Task HandOverAsync()
    {
        var workers = _workers.ToArray();
        foreach (var worker in workers) worker.Tell(Introduction.HandOver);
        using var patience = new CancellationTokenSource(HandOverWithin);
        try
        {
            foreach (var worker in workers) await worker.Process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // Whoever is left is ended below.
        }

        await LeaveAsync();
    }

    /// <summary>
    /// Closes the pipes, waits for the workers to leave, and ends those that do not. One that was never introduced has nothing to finish. A second call waits
    /// for the same end.
    /// </summary>
    public Task LeaveAsync() => _leaving ??= LeaveAllAsync();

    /// <inheritdoc cref="LeaveAsync"/>
    public ValueTask DisposeAsync() => new(LeaveAsync());

    private async Task LeaveAllAsync()
    {
        var workers = _workers.ToArray();
        _workers.Clear(); // None of them is mourned.
        foreach (var worker in workers)
        {
            worker.CloseInput();
            if (!_introduced) worker.Process.Kill();
        }

        using var patience = new CancellationTokenSource(LeaveWithin);
        foreach (var worker in workers)
        {
            try
            {
                await worker.Process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                worker.Process.Kill(entireProcessTree: true);
                await worker.Process.WaitForExitAsync();
            }

            worker.Dispose();
        }
    }

    private sealed class Worker : IDisposable
    {
        private const int TailLines = 20;

        private readonly Queue<string> _tail = new();
        private StreamWriter? _log;

        public Worker(string name, Process process, string logFile)
        {
            Name = name;
            Process = process;
            LogFile = logFile;
            process.OutputDataReceived += (_, line) => Keep(line.Data);
            process.ErrorDataReceived += (_, line) => Keep(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public string Name { get; }

        public Process Process { get; }

        public string LogFile { get; }

        public DeadWorker Report()
        {
            Process.WaitForExit(); // Also waits for the last lines of its output.
            lock (_tail) return new(Name, Process.ExitCode, LogFile, string.Join(Environment.NewLine, _tail));
        }

        /// <summary>From here on its lines go to <see cref="LogFile"/>, those before included.</summary>
        public void OpenLog()
        {
            lock (_tail)
            {
                _log = new StreamWriter(LogFile, append: false) { AutoFlush = true };
                foreach (var line in _tail) _log.WriteLine(line);
            }
        }

        public void Tell(string line)
        {
            try
            {
                Process.StandardInput.WriteLine(line);
                Process.StandardInput.Flush();
            }
            catch (IOException)
            {
                // The worker is gone already; whoever looks at the dead will find it.
            }
        }

        public void CloseInput()
        {
            try
            {
                Process.StandardInput.Close();
            }
            catch (IOException)
            {
                // The worker is gone already; there is nobody left to tell.
            }
        }

        public void Dispose()
        {
            Process.Dispose();
            lock (_tail) _log?.Dispose();
        }

        private void Keep(string? line)
        {
            if (line is null) return;
            lock (_tail)
            {
                if (_tail.Count == TailLines) _tail.Dequeue();
                _tail.Enqueue(line);
                if (_log is { BaseStream.CanWrite: true }) _log.WriteLine(line);
            }
        }
    }
}
