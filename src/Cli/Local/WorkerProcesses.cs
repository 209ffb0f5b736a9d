using System.Diagnostics;
using System.Globalization;
using Vae.Cli.Commands;

namespace Vae.Cli.Local;

/// <summary>How to start the workers of one machine.</summary>
/// <param name="Plan">How many, and what each may use.</param>
/// <param name="TokenFile">The cluster's token.</param>
/// <param name="CacheDirectory">Where shards are cached.</param>
/// <param name="LogDirectory">One log file per worker.</param>
internal sealed record WorkerProcessOptions(LocalPlan Plan, string TokenFile, string CacheDirectory, string LogDirectory);

/// <summary>A worker that ended although nobody asked it to.</summary>
internal sealed record DeadWorker(string Name, int ExitCode, string LogFile, string Tail);

/// <summary>
/// Worker processes on this machine. Each holds the read end of a pipe on its stdin: when this process dies, even by kill -9, the pipe
/// closes and the worker leaves, so no orphan keeps a core busy. The first line on the pipe names the coordinator; until it comes, the worker loads libtorch, so that neither
/// waits for the other.
/// </summary>
internal sealed class WorkerProcesses : IAsyncDisposable
{
    private static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(10);

    private readonly List<Worker> _workers = [];

    private WorkerProcesses() { }

    public int Count => _workers.Count;

    public static WorkerProcesses Start(WorkerProcessOptions options)
    {
        Directory.CreateDirectory(options.LogDirectory);
        var workers = new WorkerProcesses();
        for (var i = 0; i < options.Plan.Workers; i++) workers._workers.Add(StartOne(options, i));
        return workers;
    }

    /// <summary>Tells all workers where the coordinator listens.</summary>
    public void Introduce(string coordinator)
    {
        foreach (var worker in _workers) worker.Tell(coordinator);
    }

    private static Worker StartOne(WorkerProcessOptions options, int index)
    {
        var name = $"worker-{index + 1}";
        var log = Path.Combine(options.LogDirectory, $"{name}.log");
        var start = new ProcessStartInfo(Environment.ProcessPath ?? throw new InvalidOperationException("This process has no executable path."))
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };

        // Under `dotnet vae.dll` the executable is dotnet itself and needs to be told which program to run.
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "vae.dll"));
        foreach (var argument in (string[])["worker", "--name", name, "--coordinator", NodeCommands.CoordinatorFromStdin, "--token-file", options.TokenFile, "--cache", options.CacheDirectory,
            "--device", options.Plan.DeviceOf(index), "--threads", options.Plan.Threads.ToString(CultureInfo.InvariantCulture), "--exit-with-stdin"])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        return new Worker(name, process, log);
    }

    /// <summary>Workers that have ended although nobody asked them to, with the end of their logs.</summary>
    public IReadOnlyList<DeadWorker> Dead() => [.. _workers.Where(worker => worker.Process.HasExited).Select(worker => worker.Report())];

    /// <summary>Closes the pipes, waits for the workers to leave, and ends those that do not.</summary>
    public async ValueTask DisposeAsync()
    {
        var workers = _workers.ToArray();
        _workers.Clear(); // A second call has nothing left to do.
        foreach (var worker in workers) worker.CloseInput();
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

        private readonly StreamWriter _log;
        private readonly Queue<string> _tail = new();

        public Worker(string name, Process process, string logFile)
        {
            Name = name;
            Process = process;
            LogFile = logFile;
            _log = new StreamWriter(logFile, append: false) { AutoFlush = true };
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
            lock (_tail) _log.Dispose();
        }

        private void Keep(string? line)
        {
            if (line is null) return;
            lock (_tail)
            {
                if (_tail.Count == TailLines) _tail.Dequeue();
                _tail.Enqueue(line);
                if (_log.BaseStream.CanWrite) _log.WriteLine(line);
            }
        }
    }
}
