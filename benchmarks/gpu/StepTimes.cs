using System.Text.Json;
using Vae.Data;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Benchmarks.Gpu;

/// <param name="Model">mlp (784-512-256-16), tiny (784-64-8) or conv (64 x 64, channels 32-32-64-64).</param>
/// <param name="Batch">Rows of a step.</param>
/// <param name="Slots">Trials of the pack.</param>
/// <param name="Steps">Steps measured.</param>
/// <param name="Warmup">Steps before, in which algorithms are chosen and graphs recorded.</param>
/// <param name="Device">cuda or cpu.</param>
internal sealed record StepTimesOptions(string Model, int Batch, int Slots, int Steps, int Warmup, string Device);

/// <summary>Times the steps of one pack of trials that differ in learning rate, beta and seed.</summary>
internal static class StepTimes
{
    public static void Run(StepTimesOptions options)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var device = new torch.Device(options.Device);
        using var stream = device.type == DeviceType.CUDA ? new CudaStream(device) : null;
        stream?.Use();
        var source = new DatasetSource { Source = DatasetSource.Sprites, Count = 10_000, Size = options.Model == "conv" ? 64 : 28, HoldOut = 0.2, Binarize = Binarize.Dynamic };
        var dataset = DatasetLoader.Load(source, Environment.CurrentDirectory);
        using var data = new TrainingData(dataset.Images, dataset.HeldOut, source.Binarize, device);
        var trials = Enumerable.Range(0, options.Slots).Select(index => new TrialSpec
        {
            Index = index,
            Model = options.Model switch
            {
                "conv" => new() { Architecture = Architecture.Conv, Channels = [32, 32, 64, 64], Hidden = 256, Latent = 10 },
                "tiny" => new() { Encoder = [64], Latent = 8 },
                _ => new() { Encoder = [512, 256], Latent = 16 },
            },
            Training = new()
            {
                Epochs = 1_000_000, MaxSteps = options.Warmup + options.Steps, Batch = options.Batch, EvaluateEvery = 1_000_000,
                LearningRate = 1e-3 / (1 + index), Beta = 1 + (index % 4), Seed = 1 + (ulong)index,
            },
        }).ToList();
        if (device.type == DeviceType.CUDA) torch.cuda.reset_peak_memory_stats(device.index);
        using var trainer = PackTrainer.Of(trials, data, device);
        var times = new StepReadings(options.Warmup);
        trainer.Run(new NoAllReduce(), times, CancellationToken.None);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            side = "ours",
            model = options.Model,
            batch = options.Batch,
            slots = options.Slots,
            ms = times.MedianMilliseconds,
            ms_per_trial = times.MedianMilliseconds / options.Slots,
            loss = times.Loss,
            recorded = trainer.RecordingRefused ?? (device.type == DeviceType.CUDA ? "yes" : "no"),
            peak_bytes = device.type == DeviceType.CUDA ? torch.cuda.memory(device.index).Peak : 0,
        }));
    }
}
