using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Benchmarks;
using Vae.Benchmarks.Parallel;
using Vae.Data;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.SharedMemory;
using Vae.Worker.Training;

// One rank of one measurement. Prints one JSON object. Run by benchmarks/parallel.sh.
var options = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 0; i + 1 < args.Length; i += 2) options[args[i]] = args[i + 1];
string Text(string name, string fallback) => options.GetValueOrDefault(name, fallback);
int Number(string name, int fallback) => options.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;

var (model, exchange, overlap, balance) = (Text("--model", "mlp"), Text("--exchange", "auto"), Text("--overlap", "auto"), Text("--balance", "even"));
var compression = Text("--compression", "none");
var (batch, steps, warmup, threads) = (Number("--batch", 128), Number("--steps", 300), Number("--warmup", 100), Number("--threads", 1));
var (world, rank, port, megabytes) = (Number("--world", 2), Number("--rank", 0), Number("--port", 29611), Number("--megabytes-per-second", 0));
TorchProcess.Initialize(new TorchSettings(Threads: threads));

var images = Text("--images", "");
var source = model == "mlp" && images.Length > 0
    ? new DatasetSource { Source = DatasetSource.Idx, Images = Path.GetFullPath(images), HoldOut = 0.2, Binarize = Binarize.Dynamic }
    : new DatasetSource { Source = DatasetSource.Sprites, Count = 10_000, Size = model == "mlp" ? 28 : 64, HoldOut = 0.2, Binarize = Binarize.Dynamic };
var dataset = DatasetLoader.Load(source, Environment.CurrentDirectory);
var trial = new TrialSpec
{
    Index = 0,
    Model = model == "mlp"
        ? new() { Encoder = [512, 256], Latent = 16 }
        : new() { Architecture = Architecture.Conv, Channels = [32, 32, 64, 64], Hidden = 256, Latent = 10 },
    Training = new() { Epochs = 1_000_000, MaxSteps = warmup + steps, Batch = batch, EvaluateEvery = 1_000_000 },
};

using var data = new TrainingData(dataset.Images, dataset.HeldOut, source.Binarize, torch.CPU);
var gang = new GangOptions(balance == "even" ? BalanceMode.Even : BalanceMode.Auto, overlap switch { "on" => OverlapMode.On, "off" => OverlapMode.Off, _ => OverlapMode.Auto },
    compression == "bfloat16" ? GradientCompression.Bfloat16 : GradientCompression.None);
using var trainer = PackTrainer.Of([trial], data, torch.CPU, gang);
using var allReduce = Connect();
var readings = new StepReadings(warmup);
trainer.Run(allReduce, readings, CancellationToken.None);
Console.WriteLine(JsonSerializer.Serialize(new
{
    rank, model, batch, world, overlap, balance, compression, engine = allReduce.Engine, bytes = allReduce.Statistics.BytesSent, ms = readings.MedianMilliseconds, mean = readings.MeanMilliseconds, rows = readings.RowsPerStep,
    communication = readings.ExchangeMilliseconds, hidden = readings.HiddenShare, phases = readings.PhaseMilliseconds, loss = readings.Loss,
    chosen = readings.Choice?.Chosen, with = readings.Choice?.SecondsWith * 1e3, without = readings.Choice?.SecondsWithout * 1e3, shares = readings.Shares,
    wait = (allReduce.Statistics.ReduceScatterWait + allReduce.Statistics.AllGatherWait).TotalMilliseconds / (warmup + steps),
    times = Text("--times", "") == "all" ? readings.Milliseconds.Select(ms => Math.Round(ms, 3)) : [],
    blas = TorchProcess.Facts.BlasCore, torch = TorchProcess.Facts.LibtorchVersion,
}));

IAllReduce Connect()
{
    if (world == 1) return new NoAllReduce();
    if (exchange == "none") return new SilentAllReduce(rank, world);
    // Kept until the process ends: the ring lives on its sockets.
    IRingTransport transport = megabytes > 0 ? new PacedTransport(port + rank, megabytes * 1_000_000L) : new LoopbackRingTransport(port + rank);
    var members = Enumerable.Range(0, world).Select(r => new RingMember(r, "127.0.0.1", port + r)).ToList();
    var hello = new RingHello(new RingKey("benchmark", 1, 1), rank, world, trainer.Parameters, model);
    var request = new AllReduceRequest(exchange switch { "messagepack" => AllReduceEngine.Messagepack, "shared_memory" => AllReduceEngine.SharedMemory, _ => AllReduceEngine.Auto });
    var factory = new AllReduceFactory([new SharedMemoryEngine(), new TcpEngine()], NullLogger.Instance);
    var connected = factory.ConnectAsync(hello, members, transport, TimeSpan.FromSeconds(60), request).GetAwaiter().GetResult();
    return exchange == "barrier" ? new BarrierAllReduce(connected) : connected;
}
