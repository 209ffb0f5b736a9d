using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Vae.Shared.Sweeps;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.Groups;
using Vae.Worker.Collectives.SharedMemory;

// usage: allreduce --ranks 2 --sizes 4096,1048576 [--seconds 0.5] [--piece BYTES] [--socket BYTES] [--exchange BYTES] [--spin MICROSECONDS]
//                  [--engine messagepack|shared_memory|gloo|auto] [--compression bfloat16] [--block BYTES] [--memory-spin MICROSECONDS] [--deadline SECONDS] [--congestion NAME]
// Starts one process per rank and prints one JSON line per size, measured on rank 0. Exit code 3: an all-reduce failed; each rank says why.
var flags = args.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
int Number(string name, int fallback) => flags.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;

var ranks = Number("--ranks", 2);
return flags.TryGetValue("--rank", out var own) ? await RunRankAsync(int.Parse(own, CultureInfo.InvariantCulture)) : StartAll();

int StartAll()
{
    var ports = FreePorts(ranks);
    var processes = Enumerable.Range(0, ranks).Select(rank =>
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [.. args, "--rank", $"{rank}", "--ports", string.Join(',', ports)]);
        return Process.Start(start)!;
    }).ToList();
    processes.ForEach(process => process.WaitForExit());
    return processes.Max(process => process.ExitCode);
}

async Task<int> RunRankAsync(int rank)
{
    var defaults = new RingOptions();
    var options = defaults with
    {
        Deadline = TimeSpan.FromSeconds(double.Parse(flags.GetValueOrDefault("--deadline", "30"), CultureInfo.InvariantCulture)),
        PieceBytes = Number("--piece", defaults.PieceBytes),
        SocketBufferBytes = Number("--socket", defaults.SocketBufferBytes),
        ExchangeBytesMax = Number("--exchange", defaults.ExchangeBytesMax),
        BlockBytes = flags.ContainsKey("--block") ? Number("--block", 0) : null,
        Congestion = flags.GetValueOrDefault("--congestion"),
        MemorySpin = flags.ContainsKey("--memory-spin") ? TimeSpan.FromMicroseconds(Number("--memory-spin", 0)) : null,
        MeasureLinks = !flags.Keys.Any(flag => flag is "--piece" or "--socket" or "--congestion"),
        Spin = flags.ContainsKey("--spin") ? TimeSpan.FromMicroseconds(Number("--spin", 0)) : defaults.Spin,
    };
    var ports = flags["--ports"].Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToList();
    using var transport = new LoopbackRingTransport(ports[rank]);
    var members = ports.Select((port, index) => new RingMember(index, "127.0.0.1", port)).ToList();
    var engine = Enum.Parse<AllReduceEngine>(flags.GetValueOrDefault("--engine", "messagepack").Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
    var remarks = new Remarks();
    var factory = new AllReduceFactory([new SharedMemoryEngine(), new TcpEngine(), new GlooEngine()], remarks);
    try
    {
        using var ring = await factory.ConnectAsync(new(new("bench", 1, 1), rank, ranks, 0, "bench"), members, transport, TimeSpan.FromSeconds(20), new(engine, Options: options));
        MeasureAll(ring, remarks.Last);
        return 0;
    }
    catch (Exception e) when (e is AllReduceException or EngineUnavailableException or RingConnectTimeoutException)
    {
        Console.Error.WriteLine($"rank {rank}: {e.GetType().Name}: {e.Message}");
        return 3;
    }
}

void MeasureAll(IAllReduce ring, string setting)
{
    var seconds = double.Parse(flags.GetValueOrDefault("--seconds", "0.5"), CultureInfo.InvariantCulture);
    long step = 0;
    foreach (var size in flags.GetValueOrDefault("--sizes", "4096,262144,1048576,4194304,16777216,67108864").Split(','))
    {
        var bytes = int.Parse(size, CultureInfo.InvariantCulture);
        var times = Measure(ring, bytes, seconds, ref step);
        if (ring.Rank == 0) Print(ring.Engine, setting, bytes, times);
    }
}

// Rank 0 decides how many rounds fit into the time and tells the others through an all-reduce, so that all do the same number.
double[] Measure(IAllReduce ring, int bytes, double seconds, ref long step)
{
    var buffer = GC.AllocateArray<float>(bytes / sizeof(float), pinned: true);
    var residual = flags.ContainsKey("--compression") ? new float[buffer.Length] : null;
    void Sum(long number)
    {
        if (residual is null) ring.AllReduce(buffer, number, 0);
        else ((ICompressingAllReduce)ring).AllReduce(buffer, residual, number, 0);
    }

    var warm = Stopwatch.GetTimestamp();
    const int warmUps = 3;
    for (var i = 0; i < warmUps; i++) Sum(step++);
    Span<float> rounds = [ring.Rank == 0 ? (float)Math.Clamp(seconds / (Stopwatch.GetElapsedTime(warm).TotalSeconds / warmUps), 7, 20_000) : 0];
    ring.AllReduce(rounds, step++, 0);

    var times = new double[(int)rounds[0]];
    for (var i = 0; i < times.Length; i++)
    {
        var start = Stopwatch.GetTimestamp();
        Sum(step++);
        times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    Array.Sort(times);
    return times;
}

void Print(string engine, string setting, int bytes, double[] times)
{
    var median = times[times.Length / 2];
    Console.WriteLine(JsonSerializer.Serialize(new
    {
        engine,
        setting,
        ranks,
        bytes,
        rounds = times.Length,
        median_us = Math.Round(median * 1e6, 2),
        p10_us = Math.Round(times[times.Length / 10] * 1e6, 2),
        p90_us = Math.Round(times[times.Length * 9 / 10] * 1e6, 2),
        bus_gb_per_s = Math.Round(2.0 * (ranks - 1) / ranks * bytes / median / 1e9, 4),
    }));
}

static List<int> FreePorts(int count)
{
    var sockets = Enumerable.Range(0, count).Select(_ =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }).ToList();
    var ports = sockets.Select(socket => ((IPEndPoint)socket.LocalEndPoint!).Port).ToList();
    sockets.ForEach(socket => socket.Dispose());
    return ports;
}

/// <summary>Keeps the last thing that was said: which engine was taken, and how it is set.</summary>
internal sealed class Remarks : ILogger
{
    public string Last { get; private set; } = "";

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Last = formatter(state, exception);
}
