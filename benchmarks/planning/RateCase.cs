using System.Text.Json;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Probing;

namespace Vae.Benchmarks.Planning;

/// <summary>The speed of one shape, for comparing lanes of one process with processes of one lane.</summary>
internal static class RateCase
{
    public static int Run(Case what, ProbeShape shape, int seconds)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: shape.Threads));
        var room = new WorkerRoom(what.Device.type == DeviceType.CUDA, shape.Lanes * shape.Threads, 0, 1);
        using var bench = new PackBench(ProbeOrder.Of(new PackQuestion(what.Trial, what.Data, Binarize.Dynamic, new ResourceSpec(), 1, 1), room), what.Device);
        var rate = bench.Measure(shape, TimeSpan.FromSeconds(seconds), 4, CancellationToken.None);
        Console.WriteLine(JsonSerializer.Serialize(new { rate, resident = Environment.WorkingSet }));
        return 0;
    }
}
