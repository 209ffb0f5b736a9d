using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Collectives.SharedMemory;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Benchmarks.Regroup;

/// <summary>One rank as a process of its own. Orders come as lines on its standard input, what happens goes out as lines with the machine's monotonic clock.</summary>
internal sealed class RankProcess : ITrainingListener, IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly LoopbackRingTransport _transport = new();
    private readonly AllReduceFactory _factory = new([new SharedMemoryEngine(), new TcpEngine()], NullLogger.Instance);
    private readonly AllReduceEngine _engine;
    private readonly PackTrainer _trainer;
    private readonly SlotOrders _orders = new();
    private readonly KeptEnds _ends = new();
    private GenerationRun? _run;
    private bool _isNew = true;
    private bool _told;

    private RankProcess(PackTrainer trainer, AllReduceEngine engine) => (_trainer, _engine) = (trainer, engine);

    public static async Task ServeAsync(AllReduceEngine engine)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var source = new DatasetSource { Source = DatasetSource.Sprites, Count = 4_000, Size = 28, HoldOut = 0.2, Binarize = Binarize.Dynamic };
        var dataset = DatasetLoader.Load(source, Environment.CurrentDirectory);
        var trial = new TrialSpec
        {
            Index = 0,
            Model = new() { Encoder = [512, 256], Latent = 16 },
            Training = new() { Epochs = 1_000_000, Batch = 128, EvaluateEvery = 1_000_000 },
        };
        using var data = new TrainingData(dataset.Images, dataset.HeldOut, source.Binarize, torch.CPU);
        using var trainer = PackTrainer.Of([trial], data, torch.CPU);
        await using var rank = new RankProcess(trainer, engine);
        Say("ready", rank._transport.Port, 0);
        while (await Console.In.ReadLineAsync() is { } line) rank.Obey(line.Split(' '));
    }

    public async ValueTask DisposeAsync()
    {
        _transport.Dispose();
        _ends.Dispose();
        if (_run is not null) await _run.DisposeAsync();
    }

    public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) { }

    public void StepTimed(StepClock clock, int trials, int rows) { }

    public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) { }

    public void ActDone(long position)
    {
        if (_told) return;
        _told = true;
        Say("acted", _run!.Generation.Value, position);
    }

    private static void Say(string what, long first, long second) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {first} {second} {Stopwatch.GetTimestamp()}"));

    private void Obey(string[] order)
    {
        if (order[0] == "halt")
        {
            _run?.Halt("ordered");
            return;
        }

        var (generation, rank, source) = (int.Parse(order[1], CultureInfo.InvariantCulture), int.Parse(order[2], CultureInfo.InvariantCulture), int.Parse(order[3], CultureInfo.InvariantCulture));
        var members = order[4].Split(',').Select((port, place) => new RingMember(place, "127.0.0.1", int.Parse(port, CultureInfo.InvariantCulture))).ToList();
        _run = new GenerationRun(new(generation));
        new Thread(() => Train(_run, rank, source, members)).Start();
    }

    private void Train(GenerationRun run, int rank, int source, List<RingMember> members)
    {
        try
        {
            TorchProcess.SetThreads(1);
            var hello = new RingHello(new("regroup", 1, run.Generation.Value), rank, members.Count, _trainer.Parameters, "model");
            Func<RingLinks, Task>? first = source < 0 ? null : links => Task.Run(() => new StateTransfer(_trainer, _ends, _isNew).Run(links, source, Deadline, run.Halting));
            using var ring = _factory.ConnectAsync(hello, members, _transport, Deadline, new(_engine), first, run.Halting).GetAwaiter().GetResult();
            Say("formed", run.Generation.Value, 0);
            run.Attach(ring);
            (_isNew, _told) = (false, false);
            _trainer.Run(ring, this, _orders, false, run.Halting);
        }
        catch (Exception exception) when (exception is AllReduceException or OperationCanceledException)
        {
            Say("halted", run.Generation.Value, _trainer.Progress.Position);
        }
    }
}
