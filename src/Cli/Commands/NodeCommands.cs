using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Vae.Cli.Local;
using Vae.Cli.Terminal;
using Vae.Coordinator.Hosting;
using Vae.Runtime.Actors;
using Vae.Runtime.Logging;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Torch;
using Vae.Worker.Hosting;

namespace Vae.Cli.Commands;

/// <summary><c>vae coordinator</c> and <c>vae worker</c>: one node of a cluster, until it is told to stop. These are what containers run.</summary>
internal static class NodeCommands
{
    /// <summary>As an address: the first line of standard input is an <see cref="Introduction"/>. For workers that start before anything else is known.</summary>
    public const string CoordinatorFromStdin = "-";

    private const int ControlPort = 7431, HttpPort = 7432;
    private static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(29); // Within the 30 s of a spot machine, and longer than a worker takes.
    private static readonly TimeSpan OrphanLeavesWithin = TimeSpan.FromSeconds(3);

    public static Command CreateCoordinator()
    {
        var listen = new Option<string>("--listen") { Description = "Address to listen on. The default is this machine alone; 0.0.0.0 is every network.", HelpName = "ADDRESS", DefaultValueFactory = _ => "127.0.0.1" };
        var port = Port("--port", "Port of workers; 0 takes any free one.", ControlPort);
        var httpPort = Port("--http-port", "Port of /metrics and the HTTP interface; 0 takes any free one.", HttpPort);
        var httpListen = new Option<string?>("--http-listen") { Description = "Address of that port. Default: --listen.", HelpName = "ADDRESS" };
        var httpHosts = HttpHostsOption();
        var store = new StoreOptions();
        var token = TokenOption();
        var cluster = ClusterOption();
        var dataRoot = new Option<string?>("--data-root") { Description = "Folder that the data files of sweeps sent over HTTP must lie in. Without it, such files are refused.", HelpName = "FOLDER" };
        var format = FormatOption();
        var command = new Command("coordinator", "Run the coordinator of a cluster until SIGTERM or Ctrl-C.") { listen, port, httpPort, httpListen, httpHosts, token, cluster, dataRoot, store.Url, store.File, format };
        command.Do(async (parse, output, cancellation) =>
        {
            using var logs = Logs.ForNode(parse.GetRequiredValue(format), output.Mode, NodeId.Coordinator.Value);
            var options = new CoordinatorOptions
            {
                Home = parse.GetRequiredValue(GlobalOptions.Home),
                Store = store.Read(parse),
                Listen = parse.GetRequiredValue(listen),
                Port = parse.GetValue(port),
                HttpPort = parse.GetValue(httpPort),
                HttpListen = parse.GetValue(httpListen),
                HttpHosts = parse.GetRequiredValue(httpHosts),
                TokenFile = parse.GetValue(token),
                Cluster = parse.GetRequiredValue(cluster),
                RecoverSweeps = true,
                DataRoot = parse.GetValue(dataRoot),
            };
            await using var host = await CoordinatorHost.StartAsync(options, logs, cancellation);
            logs.CreateLogger("coordinator").LogInformation("Listening for workers on {Address}:{Port}, HTTP {Http}, home {Home}, store {Store}, token {Token}",
                options.Listen, host.Port, host.HttpAddress?.ToString() ?? "off", host.Folders.Home, host.StorePlace, host.TokenFile);
            var stopped = Task.Delay(Timeout.Infinite, cancellation);
            if (await Task.WhenAny(host.Failure, stopped) == host.Failure) await host.Failure;
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateWorker()
    {
        var coordinator = new Option<string>("--coordinator") { Description = "Where the coordinator listens for workers; addresses of standbys follow after commas, and are tried in turn.", HelpName = "HOST:PORT", Required = true };
        var name = new Option<string>("--name") { Description = "Name in the cluster: 1 to 63 of a-z, 0-9 and -. Default: made from the host's name.", HelpName = "NAME", DefaultValueFactory = _ => DefaultName() };
        var token = TokenOption();
        var cluster = ClusterOption();
        var dataListen = new Option<string>("--data-listen") { Description = "Address that other workers' gradients are received on.", HelpName = "ADDRESS", DefaultValueFactory = _ => "127.0.0.1" };
        var dataPort = Port("--data-port", "Port for them; 0 takes any free one.", 0);
        var dataHost = new Option<string?>("--data-host") { Description = "What other workers reach this one by. Default: --data-listen.", HelpName = "HOST" };
        var httpPort = new Option<int?>("--http-port") { Description = "Serve /metrics and health checks on this port; 0 takes any free one. Default: not at all.", HelpName = "PORT" };
        httpPort.InRange(0, 65_535);
        var httpListen = new Option<string>("--http-listen") { Description = "Address of that port.", HelpName = "ADDRESS", DefaultValueFactory = _ => "127.0.0.1" };
        var httpHosts = HttpHostsOption();
        var connectWithin = new Option<int?>("--connect-within") { Description = "Give up, with exit code 5, when the coordinator cannot be reached for so long at the start. Default: try for ever.", HelpName = "SECONDS" };
        connectWithin.InRange(0, 86_400);
        var cache = new Option<string?>("--cache") { Description = "Folder of cached shards. Default: `cache` under --home.", HelpName = "FOLDER" };
        var device = new Option<string>("--device") { Description = "auto, cpu, cuda or cuda:N.", HelpName = "DEVICE", DefaultValueFactory = _ => "auto" };
        var threads = new Option<int?>("--threads") { Description = "Compute threads. Default: one per core.", HelpName = "N" };
        threads.InRange(1, 1_024);
        var lanes = new Option<int?>("--lanes") { Description = "Most packs of trials trained side by side; a pack's plan may ask for fewer. Default: as many as threads on a processor, one on a GPU.", HelpName = "N" };
        lanes.InRange(1, 1_024);
        var format = FormatOption();
        var exitWithStdin = new Option<bool>("--exit-with-stdin") { Description = "Leave when standard input ends, and let whoever holds it handle Ctrl-C." };
        var command = new Command("worker", "Run one worker of a cluster until SIGTERM or Ctrl-C.")
        {
            coordinator, name, token, cluster, dataListen, dataPort, dataHost, httpPort, httpListen, httpHosts, connectWithin, cache, device, threads, lanes, format, exitWithStdin,
        };
        command.DoUntilStopped(async (parse, output, interrupt) =>
        {
            interrupt.LeaveKeyboardToParent = parse.GetValue(exitWithStdin);
            var home = parse.GetRequiredValue(GlobalOptions.Home);
            if (!NodeId.IsValid(parse.GetRequiredValue(name))) throw new CliException(ExitCode.Usage, $"--name {parse.GetValue(name)} is no name of a worker.", "Use 1 to 63 of a-z, 0-9 and -.");
            var given = new Introduction(parse.GetRequiredValue(coordinator), parse.GetRequiredValue(device), parse.GetValue(threads) ?? Environment.ProcessorCount);
            if (given.Coordinator == CoordinatorFromStdin)
            {
                // The parent is still reading its sweep and starting its coordinator: load libtorch meanwhile. A missing libtorch shows here.
                TorchProcess.Initialize(new TorchSettings(Threads: given.Threads));
                if (await Console.In.ReadLineAsync(interrupt.Token) is not { } line) return ExitCode.Ok; // The parent is gone already, or has nothing to train.
                given = Introduction.Read(line);
            }

            var addresses = Endpoint(given.Coordinator);
            var options = new WorkerOptions
            {
                Name = new NodeId(parse.GetRequiredValue(name)),
                Coordinator = addresses,
                TokenFile = RequireToken(parse.GetValue(token) ?? ClusterToken.FileFor(home)),
                Cluster = parse.GetRequiredValue(cluster),
                DataListen = parse.GetRequiredValue(dataListen),
                DataPort = parse.GetValue(dataPort),
                DataHost = parse.GetValue(dataHost),
                HttpPort = parse.GetValue(httpPort),
                HttpListen = parse.GetRequiredValue(httpListen),
                HttpHosts = parse.GetRequiredValue(httpHosts),
                CacheFolder = parse.GetValue(cache) ?? Path.Combine(home, "cache"),
                Device = given.Device,
                Threads = given.Threads,
                Lanes = parse.GetValue(lanes),
            };
            if (parse.GetValue(connectWithin) is { } seconds) await Reach.RequireAsync(addresses, TimeSpan.FromSeconds(seconds), interrupt.Token);
            using var last = LastLines.TryOpen(Path.Combine(home, "logs", $"{options.Name}.tail"));
            options = options with { LastLines = last?.Before ?? [] };
            using var logs = Logs.ForNode(parse.GetRequiredValue(format), output.Mode, options.Name.Value, last);
            await using var worker = await WorkerHost.StartAsync(options, logs, interrupt.Token);
            logs.CreateLogger("worker").LogInformation("{Name} computes on {Device} with {Threads} threads, libtorch {Libtorch}, {Blas}, {Capability}; HTTP {Http}",
                options.Name, worker.Facts.Device, worker.Facts.Threads, worker.Facts.Libtorch, worker.Facts.Blas, worker.Facts.CpuCapability, worker.HttpAddress?.ToString() ?? "off");
            await LeaveWhenToldAsync(worker, parse.GetValue(exitWithStdin), interrupt.Token);
            last?.EndWell();
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task LeaveWhenToldAsync(WorkerHost worker, bool withStdin, CancellationToken cancellation)
    {
        var signal = Task.Delay(Timeout.Infinite, cancellation);
        var (orphaned, asked) = withStdin ? ReadStdin() : (signal, signal);
        var first = await Task.WhenAny(worker.Completion, signal, asked, orphaned);
        if (first != worker.Completion)
        {
            // A coordinator that is gone never answers a farewell. When the parent let go, either its coordinator answers at once, or both were killed.
            var (reason, patience) = first != orphaned ? ("told to stop", LeaveWithin) : ("its parent process let it go", OrphanLeavesWithin);
            await Task.WhenAny(worker.LeaveAsync(reason), Task.Delay(patience, CancellationToken.None));
            if (!worker.Completion.IsCompleted) return;
        }

        await worker.Completion;
    }

    // A read from a pipe cannot be cancelled, so it has a thread of its own that ends with the process.
    private static (Task Ended, Task Asked) ReadStdin()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                while (Console.In.ReadLine() is { } line)
                {
                    if (line == Introduction.HandOver) asked.TrySetResult();
                }
            }
            catch (IOException)
            {
                // As good as its end.
            }

            ended.TrySetResult();
        })
        { IsBackground = true, Name = "stdin" }.Start();
        return (ended.Task, asked.Task);
    }

    /// <summary>HOST:PORT, or several with commas between.</summary>
    /// <exception cref="CliException">It is no address.</exception>
    internal static PeerAddresses Endpoint(string text)
    {
        try
        {
            return PeerAddresses.Parse(text);
        }
        catch (UserFitException wrong)
        {
            throw new CliException(ExitCode.Usage, $"--coordinator: {wrong.Message}", "Write it as HOST:PORT, for example 127.0.0.1:7431; a standby's follows after a comma.");
        }
    }

    private static string RequireToken(string file)
    {
        try
        {
            _ = ClusterToken.Load(file);
            return file;
        }
        catch (UserFitException refused)
        {
            throw new CliException(ExitCode.Authentication, refused.Message);
        }
    }

    private static string DefaultName()
    {
        var host = new string([.. Environment.MachineName.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-').Take(48)]);
        return string.Create(CultureInfo.InvariantCulture, $"{host}-{Environment.ProcessId}");
    }

    private static Option<int> Port(string name, string description, int port)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "PORT", DefaultValueFactory = _ => port };
        option.InRange(0, 65_535);
        return option;
    }

    private static Option<string?> TokenOption() => new("--token-file") { Description = "File with the cluster's token. Default: VAE_TOKEN_FILE, or the file `token` under --home.", HelpName = "FILE" };

    private static Option<string[]> HttpHostsOption() =>
        new("--http-host") { Description = "A name that the HTTP port is called by, beside its address; * for any. May be repeated.", HelpName = "NAME", DefaultValueFactory = _ => [] };

    private static Option<string> ClusterOption() => new("--cluster") { Description = "Name of the cluster; both ends must agree.", HelpName = "NAME", DefaultValueFactory = _ => "vae" };

    private static Option<string> FormatOption()
    {
        var option = new Option<string>("--log-format") { Description = "text for people, json for collectors, auto: json in a container. Logs go to standard error.", DefaultValueFactory = _ => "auto" };
        option.AcceptOnlyFromAmong(Logs.Formats);
        return option;
    }
}
