using System.Globalization;
using System.Text.Json;
using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Benchmarks.Planning;

/// <summary>
/// Trains packs from nothing to their trials' files and looks at the process's resident memory: before anything of them is there (libraries loaded and warmed up by another, tiny
/// pack), and at its highest since. What the allocator keeps for later counts, because nobody else can use it.
/// </summary>
internal static class MemoryCase
{
    // All that come later ask for the same memory.
    private const long Steps = 3;
    private const int HeldOut = 1_100;

    public static int Run(Case what, int slots, int lanes)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        var threads = Enumerable.Range(0, lanes).Select(lane => new Lane($"lane {lane}")).ToArray();
        WarmUp(what, threads);
        var cuda = what.Device.type == DeviceType.CUDA;
        if (cuda) torch.cuda.reset_peak_memory_stats(what.Device.index);
        var before = cuda ? torch.cuda.memory(what.Device.index).Allocated : Baseline();
        var marks = new SortedDictionary<string, long>(StringComparer.Ordinal);
        void Mark(string phase)
        {
            lock (marks)
            {
                marks[phase] = Highest() - before;
                if (!cuda) marks[phase + " tensors"] = Math.Max(marks.GetValueOrDefault(phase + " tensors"), HostMemory.InUse().Most);
            }
        }

        long Highest() => cuda ? torch.cuda.memory(what.Device.index).Peak : Status("VmHWM");

        var images = what.Images();
        using var data = new TrainingData(images, HeldOut, Binarize.None, what.Device);
        Mark("1 data");
        using var ends = new Barrier(lanes); // Nobody gives anything back while another lane has not come to its peak.
        Task.WaitAll([.. threads.Select(lane => lane.Do(() => Train(what.Trial, data, slots, what.Device, Mark, ends)))]);
        var peak = Highest() - before;
        GC.KeepAlive(images);
        var shape = new PackShape(slots, what.Trial.Model.Latent, lanes, 1);
        var predicted = PackSize.WorkerBytes(what.Trial, what.Data, shape, what.Trial.Training.Batch, cuda);
        Console.WriteLine(JsonSerializer.Serialize(new { slots, lanes, batch = what.Trial.Training.Batch, predicted, peak, ratio = (double)predicted / peak, marks }));
        foreach (var lane in threads) lane.Dispose();
        return 0;
    }

    // Every thread has met every library before the count begins.
    private static void WarmUp(Case what, Lane[] lanes)
    {
        var model = what.Trial.Model with
        {
            Encoder = what.Trial.Model.Family == ModelFamily.Ladder ? [16, 16, 16] : [16],
            Ladder = [2, 2, 2],
            Channels = [2],
            Groups = 1,
            Hidden = 8,
            Latent = 2,
            Codes = 8,
            CodeSize = 2,
            CodePriorWidth = 4,
            PseudoInputs = 4,
        };
        var training = what.Trial.Training;
        var trial = what.Trial with { Model = model, Training = training with { Batch = 8, Labelled = 10, ImportanceSamples = Math.Min(2, training.ImportanceSamples), DiscriminatorWidth = 4 } };
        using var data = new TrainingData(what.Blank(32), 8, Binarize.None, what.Device);
        Task.WaitAll([.. lanes.Select(lane => lane.Do(() =>
        {
            Lane.SetThreads(1, lanes.Length);
            using var left = torch.ones([256, 256]);
            using var product = left.matmul(left);
            Train(trial, data, 2, what.Device, _ => { }, null);
        }))]);
    }

    private static void Train(TrialSpec trial, TrainingData data, int slots, torch.Device device, Action<string> mark, Barrier? ends)
    {
        using var trainer = PackTrainer.Of([.. Enumerable.Range(0, slots).Select(slot => trial with { Index = slot, Training = trial.Training with { Seed = (ulong)slot, MaxSteps = Steps } })], data, device);
        mark("2 pack");
        using var alone = new NoAllReduce();
        using var files = new Files(trainer, data, mark);
        trainer.Run(alone, files, CancellationToken.None);
        ends?.SignalAndWait();
    }

    private static long Baseline()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        File.WriteAllText("/proc/self/clear_refs", "5"); // The highest mark falls to what is resident now.
        return Status("VmRSS");
    }

    private static long Status(string key) => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(key + ":", StringComparison.Ordinal)).Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>Keeps each finished trial's model and its file in memory, as the worker does until the file is stored and the trial's end is known.</summary>
    private sealed class Files(PackTrainer trainer, TrainingData data, Action<string> mark) : ITrainingListener, IDisposable
    {
        private readonly List<(PackNetwork Network, byte[] File)> _kept = [];

        public void StepDone(int slot, Step step, int epoch, double distortion, double rate, double beta, double seconds) { }

        public void StepTimed(StepClock clock, int trials, int rows) => mark("3 steps");

        public void Evaluated(int slot, Step step, int epochsDone, HeldOutReport report, double trainLoss) => mark("4 evaluation");

        public void SlotEnded(SlotEnd end)
        {
            var network = trainer.Extract(end.Slot);
            _kept.Add((network, TrainedModel.ToBytes(network, 0, new ModelConfig(end.Trial, new DatasetSource { Source = DatasetSource.Sprites }, data.Shape, null, null))));
            mark("5 files");
        }

        public void Dispose()
        {
            foreach (var (network, _) in _kept) network.Dispose();
        }
    }
}
