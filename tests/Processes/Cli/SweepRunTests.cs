using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Vae.Tests.Processes.Cli;

/// <summary>The main job with real processes: a sweep from its file to its models.</summary>
public sealed class SweepRunTests : IDisposable
{
    private static readonly string[] TrialFiles = ["config.json", "curves.csv", "model.safetensors", "reconstructions.png", "samples.png"];

    private readonly VaeProgram _vae = new();

    public void Dispose() => _vae.Dispose();

    [Fact]
    public void A_sweep_ends_in_a_ranked_table_and_in_models_that_can_be_used()
    {
        var run = _vae.Run("sweep", "run", _vae.WriteTinySweep(), "--workers", "2", "--threads", "1").Expect(0);

        var table = run.Output.Split('\n').SkipWhile(line => !line.StartsWith("rank", StringComparison.Ordinal)).Skip(1).TakeWhile(line => line.Length > 0)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.Equal(["1", "2"], table.Select(row => row[0]));
        Assert.True(double.Parse(table[0][3]) >= double.Parse(table[1][3]));
        foreach (var trial in Directory.GetDirectories(Path.Combine(Directory.GetDirectories(Path.Combine(_vae.Home, "sweeps")).Single(), "trials")))
        {
            Assert.Equal(TrialFiles, Directory.GetFiles(trial).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        }

        // What the store tells later is what the run told.
        Assert.Equal(run.Output, _vae.Run("sweep", "results", "last").Expect(0).Output);
        Assert.Contains("tiny", _vae.Run("sweep", "list").Expect(0).Output);
        Assert.Contains("done", _vae.Run("sweep", "status", "tiny").Expect(0).Output);
        Assert.Contains("model.safetensors", _vae.Run("sweep", "results", "--trial", "1").Expect(0).Output);

        _vae.Run("model", "generate", "best:last", "--count", "9", "--seed", "3", "--out", "a.png").Expect(0);
        _vae.Run("model", "generate", "best:last", "--count", "9", "--seed", "3", "--out", "b.png").Expect(0);
        Assert.Equal(File.ReadAllBytes(_vae.PathTo("a.png")), File.ReadAllBytes(_vae.PathTo("b.png")));
        _vae.Run("model", "reconstruct", "last/0", "--out", "r.png").Expect(0);
        Assert.Equal("PNG"u8.ToArray(), File.ReadAllBytes(_vae.PathTo("r.png"))[1..4]);
        _vae.Run("model", "export", "best:tiny", "--out", "mine").Expect(0);
        Assert.Equal(["README.md", "config.json", "load_model.py", "model.safetensors", "samples.png", "traversal.png"], Directory.GetFiles(_vae.PathTo("mine")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        _vae.Run("model", "generate", "mine", "--out", "c.png", "--count", "9", "--seed", "3").Expect(0);
        Assert.Equal(File.ReadAllBytes(_vae.PathTo("a.png")), File.ReadAllBytes(_vae.PathTo("c.png")));
    }

    [Fact]
    public void For_programs_a_run_is_a_stream_of_json_objects_that_ends_with_the_results()
    {
        var run = _vae.Run("sweep", "run", _vae.WriteTinySweep(), "--workers", "1", "--json").Expect(0);

        var objects = run.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var types = objects.Select(one => one.GetProperty("type").GetString()).ToList();
        Assert.All(objects, one => Assert.Equal(1, one.GetProperty("schema_version").GetInt32()));
        Assert.Equal(4, types.Count(type => type == "evaluation")); // Two trials of two epochs, each told once.
        Assert.Equal(2, types.Count(type => type == "trial_ended"));
        Assert.Equal("sweep_results", types[^1]);
        Assert.Equal([1, 2], objects[^1].GetProperty("trials").EnumerateArray().Select(trial => trial.GetProperty("rank").GetInt32()));
    }

    [Fact]
    public void Train_makes_one_model_from_options_alone()
    {
        var run = _vae.Run("train", "--count", "300", "--size", "16", "--epochs", "1", "--beta", "2", "--set", "model.encoder=[16]", "--threads", "1").Expect(0);

        Assert.Contains("trials  1: 1 done", run.Output);
    }

    [Fact]
    public void A_trial_that_fails_leaves_the_others_alone_and_is_told_by_the_exit_code()
    {
        var file = _vae.Write("wild.yaml", """
            version: 1
            name: wild
            dataset: { source: sprites, count: 300, size: 16 }
            model: { encoder: [16], latent: 2, likelihood: gaussian }
            training: { epochs: 2, batch: 64, optimizer: sgd }
            search: { parameters: { training.learning_rate: { values: [1e-6, 100] } } }
            """);

        var run = _vae.Run("sweep", "run", file, "--workers", "1", "--threads", "1").Expect(6);

        Assert.Contains("1 failed, 1 done", run.Output);
        Assert.Contains("step", run.Output.Split('\n').Single(line => line.StartsWith("trial 1 failed", StringComparison.Ordinal)));
    }

    [Theory, InlineData(PosixSignal.SIGINT), InlineData(PosixSignal.SIGTERM)]
    public void A_signal_stops_the_sweep_and_its_workers_and_tells_how_to_go_on(PosixSignal signal)
    {
        using var running = _vae.Start("sweep", "run", _vae.WriteTinySweep(epochs: 100_000), "--workers", "2", "--threads", "1");
        running.WaitFor("first training steps");
        var workers = ChildrenOf(running.Id);

        running.Signal(signal);
        var ran = running.Wait().Expect(130);

        Assert.Contains("go on: vae sweep resume ", ran.Error);
        Assert.Equal(2, workers.Count);
        Assert.DoesNotContain(workers, IsAlive);
        Assert.Contains("interrupted", _vae.Run("sweep", "status").Expect(0).Output);
    }

    [Fact]
    public void Workers_leave_when_the_process_that_started_them_is_killed()
    {
        using var running = _vae.Start("sweep", "run", _vae.WriteTinySweep(epochs: 100_000), "--workers", "2", "--threads", "1");
        running.WaitFor("first training steps");
        var workers = ChildrenOf(running.Id);

        Process.GetProcessById(running.Id).Kill();

        running.Eventually("the end of the workers", () => !workers.Any(IsAlive));
        Assert.Contains("interrupted", _vae.Run("sweep", "list").Expect(0).Output);
    }

    [Fact]
    public void When_every_worker_is_killed_the_sweep_says_which_and_ends()
    {
        using var running = _vae.Start("sweep", "run", _vae.WriteTinySweep(epochs: 100_000), "--workers", "1", "--threads", "1");
        running.WaitFor("first training steps");

        foreach (var worker in ChildrenOf(running.Id)) Process.GetProcessById(worker).Kill();

        Assert.Contains("worker-1 with exit code 137", running.Wait().Expect(1).Error);
    }

    [Fact]
    public void One_trial_is_trained_by_two_workers_together()
    {
        var file = _vae.WriteTinySweep(more: "resources: { workers_per_pack: 2 }");

        var run = _vae.Run("sweep", "run", file, "--threads", "1").Expect(0);

        Assert.Contains("started on worker-1, worker-2", run.Error.Replace("worker-2, worker-1", "worker-1, worker-2", StringComparison.Ordinal));
    }

    private static List<int> ChildrenOf(int parent) =>
        [.. File.ReadAllText($"/proc/{parent}/task/{parent}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

    // A child whose parent has not asked for its exit code is a zombie: dead all the same.
    private static bool IsAlive(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[stat.LastIndexOf(')') + 2] != 'Z';
        }
        catch (IOException)
        {
            return false;
        }
    }
}
