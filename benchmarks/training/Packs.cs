using System.Globalization;
using Vae.Data;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;

namespace Vae.Benchmarks.Training;

/// <summary>
/// Time of a trial's step when K trials train as one model, beside the same trial alone. The trials are a sweep over beta and learning rate (one seed: rows and
/// noise are shared) or over seeds (nothing is shared).
/// </summary>
internal static class Packs
{
    private static readonly (string Name, int Side, int[] Encoder, int Latent, int Batch)[] s_models =
    [
        ("16-8-2", 4, [8], 2, 32),
        ("784-64-8", 28, [64], 8, 32),
        ("784-512-256-16", 28, [512, 256], 16, 32),
        ("784-512-256-16", 28, [512, 256], 16, 128),
    ];

    public static void Run(ReadOnlySpan<int> sizes, int rounds, double budgetMilliseconds, string only)
    {
        Console.WriteLine("| model | batch | rows | K | step of the pack, us | per trial, us | alone, us | alone / per trial |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var model in s_models)
        {
            if (only.Length > 0 && model.Name != only) continue;
            using var data = Data(model.Side);
            foreach (var sharing in (bool[])[true, false])
            {
                foreach (var size in sizes)
                {
                    if (size == 1) continue;
                    // Alternately, so that both see the same state of the machine.
                    List<double> alone = [], pack = [];
                    for (var round = 0; round < rounds; round++)
                    {
                        alone.Add(Median(model, data, 1, sharing, budgetMilliseconds));
                        pack.Add(Median(model, data, size, sharing, budgetMilliseconds));
                    }

                    var (one, all) = (Middle(alone), Middle(pack));
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"| {model.Name} | {model.Batch} | {(sharing ? "shared" : "own")} | {size} | {all:F0} | {all / size:F1} | {one:F1} | {one * size / all:F2} |"));
                }
            }
        }
    }

    private static double Median((string Name, int Side, int[] Encoder, int Latent, int Batch) model, TrainingData data, int size, bool sharing, double budgetMilliseconds)
    {
        const int Warmup = 60;
        // A first run says how many steps fit the budget.
        var probe = Steps(model, data, size, sharing, Warmup, 40);
        return Steps(model, data, size, sharing, Warmup, Math.Clamp((int)(budgetMilliseconds * 1000 / probe), 20, 3000));
    }

    private static double Steps((string Name, int Side, int[] Encoder, int Latent, int Batch) model, TrainingData data, int size, bool sharing, int warmup, int steps)
    {
        var trials = Enumerable.Range(0, size).Select(k => new TrialSpec
        {
            Index = k,
            Model = new() { Encoder = [.. model.Encoder], Latent = model.Latent },
            Training = new()
            {
                Epochs = 1_000_000, MaxSteps = warmup + steps, Batch = model.Batch, EvaluateEvery = 1_000_000, Seed = sharing ? 1UL : 1UL + (ulong)k, Beta = 1 + (0.1 * k), LearningRate = 1e-3 / (1 + k),
            },
        }).ToList();
        using var trainer = PackTrainer.Of(trials, data, torch.CPU);
        var times = new StepReadings(warmup);
        trainer.Run(new NoAllReduce(), times, CancellationToken.None);
        return times.MedianMilliseconds * 1000;
    }

    private static TrainingData Data(int side)
    {
        var pixels = new byte[4096 * side * side];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i * 2654435761L) >> 13);
        return new TrainingData(new ImageSet(1, side, side, pixels), 512, Binarize.Dynamic, torch.CPU);
    }

    private static double Middle(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
