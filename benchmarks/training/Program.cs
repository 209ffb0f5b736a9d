using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Vae.Benchmarks;
using Vae.Benchmarks.Training;
using Vae.Data;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

// One rank of one measurement. Prints, on rank 0, one JSON object with the median time of a step in milliseconds.
var options = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 0; i + 1 < args.Length; i += 2) options[args[i]] = args[i + 1];
string Text(string name, string fallback) => options.GetValueOrDefault(name, fallback);
int Number(string name, int fallback) => options.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;

var model = Text("--model", "mlp");
var (batch, steps, warmup, threads) = (Number("--batch", 128), Number("--steps", 300), Number("--warmup", 30), Number("--threads", 1));
var (world, rank, port) = (Number("--world", 1), Number("--rank", 0), Number("--port", 29611));
TorchProcess.Initialize(new TorchSettings(Threads: threads, FlushDenormals: Text("--flush", "") == "true"));

if (Text("--packs", "") is { Length: > 0 } packs)
{
    Packs.Run([.. packs.Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))], Number("--rounds", 3), Number("--budget-ms", 300), Text("--only", ""));
    return;
}

if (Text("--layers", "") is { Length: > 0 } batches)
{
    Layers.Run([.. batches.Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))], Number("--rounds", 300));
    return;
}

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

if (Text("--products-only", "") == "true")
{
    Print("limit", Limit.Median(trial, dataset, batch, warmup, steps), 0);
    return;
}

using var data = new TrainingData(dataset.Images, dataset.HeldOut, source.Binarize, torch.CPU);
using var trainer = PackTrainer.Of([trial], data, torch.CPU);
using var allReduce = Connect();
var times = new StepReadings(warmup);
trainer.Run(allReduce, times, CancellationToken.None);
if (rank == 0) Print("ours", times.MedianMilliseconds, times.Loss);

IAllReduce Connect()
{
    if (world == 1) return new NoAllReduce();
    // Kept until the process ends: the ring lives on its sockets.
    var transport = new LoopbackRingTransport(port + rank);
    var members = Enumerable.Range(0, world).Select(r => new RingMember(r, "127.0.0.1", port + r)).ToList();
    var hello = new RingHello(new RingKey("benchmark", 1, 1), rank, world, trainer.Parameters, model);
    return RingConnector.ConnectAsync(hello, members, transport, TimeSpan.FromSeconds(60)).GetAwaiter().GetResult();
}

void Print(string side, double milliseconds, double loss) => Console.WriteLine(JsonSerializer.Serialize(new
{
    side, torch = TorchProcess.Facts.LibtorchVersion, blas = TorchProcess.Facts.BlasCore, model, batch, world, threads, ms = milliseconds, loss,
}));
