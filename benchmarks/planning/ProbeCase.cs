using System.Diagnostics;
using System.Text.Json;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Probing;

namespace Vae.Benchmarks.Planning;

/// <summary>The probe's choice beside the best of all shapes, each measured in turn and for longer than the probe may take.</summary>
internal static class ProbeCase
{
    private const int Turns = 3;
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(400);

    public static int Run(Case what, int threads)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: threads));
        var room = new WorkerRoom(what.Device.type == DeviceType.CUDA, threads, 0, 1);
        var question = new PackQuestion(what.Trial, what.Data, Binarize.Dynamic, new ResourceSpec(), Trials: 64, Steps: 64_000);
        var order = ProbeOrder.Of(question, room);
        var start = Stopwatch.GetTimestamp();
        var readings = PackProbe.Run(order, what.Device, threads, CancellationToken.None);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var choice = PackPlanner.Choose(question, room, readings).Shape;
        var chosen = new ProbeShape(choice.Lanes, choice.Slots, choice.Threads);
        var ruled = PackPlanner.Choose(question, room, []).Shape;
        var rates = Exhaust(order, what, threads, chosen);
        var (best, most) = rates.MaxBy(one => one.Value);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            seconds, tried = readings.Count, all = rates.Count, chosen = Text(chosen), chosenRate = rates[chosen], best = Text(best), bestRate = most, share = rates[chosen] / most,
            rule = Text(new(ruled.Lanes, ruled.Slots, ruled.Threads)), ruleShare = rates.GetValueOrDefault(new(ruled.Lanes, ruled.Slots, ruled.Threads)) / most,
            solo = rates[new(1, 1, 1)],
            rates = rates.ToDictionary(one => Text(one.Key), one => Math.Round(one.Value, 1)),
        }));
        return 0;
    }

    // The mean over several turns through all shapes, so that a disturbance of the machine does not fall on one of them.
    private static Dictionary<ProbeShape, double> Exhaust(ProbeOrder order, Case what, int threads, ProbeShape chosen)
    {
        using var bench = new PackBench(order, what.Device);
        var lines = ProbeSearch.Lines(PackProbe.SpaceOf(order, what.Device, threads));
        ProbeShape[] shapes = [.. lines.SelectMany(line => Slots().Select(slots => new ProbeShape(line.Lanes, slots, line.Threads))).Append(chosen).Distinct()];
        var rates = shapes.ToDictionary(shape => shape, _ => 0.0);
        for (var turn = 0; turn < Turns; turn++)
        {
            foreach (var shape in shapes) rates[shape] += bench.Measure(shape, Burst, 4, CancellationToken.None) / Turns;
        }

        return rates;
    }

    private static IEnumerable<int> Slots()
    {
        for (var slots = 1; slots <= PackPlanner.SlotsMax; slots *= 2) yield return slots;
    }

    private static string Text(ProbeShape shape) => $"{shape.Lanes} x {shape.Slots} ({shape.Threads})";
}
