using Vae.Cli.Local;
using Vae.Cli.Terminal;
using Vae.Coordinator.Hosting;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Engine;
using Vae.Worker.Probing;

namespace Vae.Cli.Planning;

/// <summary>What the trials of one signature will take on this machine.</summary>
/// <param name="Question">The trials.</param>
/// <param name="Choice">Their shape, and why.</param>
/// <param name="Seconds">Predicted wall time of all of them, evaluations and start-up not counted.</param>
internal sealed record SignaturePlan(PackQuestion Question, PackChoice Choice, double Seconds);

/// <summary>
/// Plans the packs of a sweep for a run on this machine, by the same rules and from the same stored readings as the coordinator of that run. What long work leaves unknown is
/// measured now, and kept where the run will find it if there is a home folder already.
/// </summary>
internal sealed class PackPlans(LocalPlan local, string home, bool mayProbe, Output output)
{
    // As the coordinator: a sweep of many shapes should not be measured for minutes.
    private const int ProbesMax = 3;

    public IReadOnlyList<SignaturePlan> Of(SweepDefinition sweep, DataShape data)
    {
        var machine = OpenMachine();
        if (machine is { } opened && Supported.Refusal(sweep.Resources, opened.Device.type == DeviceType.CUDA) is { } refusal) output.Warning($"every trial would fail on this machine: {refusal}.");
        var (probes, plans) = (0, new List<SignaturePlan>());
        foreach (var question in PackQuestions.Of(sweep, data))
        {
            var room = RoomOf(machine);
            var readings = machine is { } known ? ReadingsOf(question, room, known, ref probes) : [];
            var choice = PackPlanner.Choose(question, room, readings);
            plans.Add(new(question, choice, PackPlanner.SecondsOf(question, room, choice.StepsPerSecond)));
        }

        return plans;
    }

    private (torch.Device Device, DeviceFacts Facts)? OpenMachine()
    {
        try
        {
            return DeviceProbe.Open(local.DeviceOf(0), local.Threads);
        }
        catch (Exception missing) when (missing is TorchUnavailableException or UserFitException)
        {
            output.Warning($"planned by rules of thumb, because nothing can be trained here: {missing.Message}");
            return null;
        }
    }

    private WorkerRoom RoomOf((torch.Device Device, DeviceFacts Facts)? machine)
    {
        var cuda = machine is { } known ? known.Device.type == DeviceType.CUDA : local.CudaDevices > 0;
        var memory = cuda ? machine?.Facts.DeviceMemoryBytes ?? 0 : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / local.Workers;
        return new(cuda, local.Threads, memory, local.Workers);
    }

    private ValueList<ProbeReading> ReadingsOf(PackQuestion question, WorkerRoom room, (torch.Device Device, DeviceFacts Facts) machine, ref int probes)
    {
        if (!PackPlanner.HasChoice(question, room)) return [];
        var folders = new SweepFolders(home);
        var cache = new ProbeCache(Path.Combine(folders.Cache, "probes"));
        var order = ProbeOrder.Of(question, room);
        var key = order.Key(machine.Facts);
        if (cache.Find(key) is { Count: > 0 } known) return known;
        if (!mayProbe || probes == ProbesMax || !PackPlanner.IsWorthProbing(question, room)) return [];
        probes++;
        output.Note($"measuring packs of {question.Signature} for up to {ProbeOrder.TimeMax.TotalSeconds:F0} s ...");
        var readings = PackProbe.Run(order, machine.Device, machine.Facts.Threads, CancellationToken.None);
        if (Directory.Exists(folders.Home)) cache.Store(key, readings);
        return readings;
    }
}
