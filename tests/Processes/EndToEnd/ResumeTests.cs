using System.Buffers.Binary;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>A sweep that was stopped in the middle and goes on ends with the bits of one that nobody disturbed: curves, results and weights.</summary>
public class ResumeTests
{
    [Theory]
    [InlineData(1, "2, 1")] // One pack of two trials on one worker.
    [InlineData(2, "1")] // A gang of two.
    public async Task F05_sweep_that_was_stopped_by_ctrl_c_goes_on_and_ends_as_if_nothing_had_happened(int workers, string betas)
    {
        using TemporaryHome undisturbed = new(), home = new();
        var expected = await RunAsync(undisturbed, workers, betas, Tiny);

        using var run = Start(home, workers, betas, Tiny);
        await MiddleAsync(run);
        run.Send(RunningProgram.Interrupt);
        var stopped = (await run.EndAsync()).Expect(130).ExpectNoTrace();
        Assert.Contains("go on: vae sweep resume ", stopped.Error, StringComparison.Ordinal);
        var waiting = await SweepJson.ReadAsync(home);
        Assert.Equal("interrupted", waiting.GetProperty("sweep").Text("state"));
        Assert.All(waiting.Items("trials"), trial => Assert.Equal("preempted", trial.Text("state")));

        var resumed = (await RunningProgram.RunVaeAsync("sweep", "resume", "--workers", $"{workers}", "--threads", "1", "--json", "--home", home.Path)).Expect(0).ExpectNoTrace();

        await SameAsync(undisturbed, expected, home, resumed);
    }

    [Fact]
    public async Task F01_sweep_whose_processes_were_all_killed_goes_on_from_its_checkpoint()
    {
        using TemporaryHome undisturbed = new(), home = new();
        var expected = await RunAsync(undisturbed, 1, "1", Slow);

        using var run = Start(home, 1, "1", Slow);
        await run.LineAsync("a checkpoint is stored", line => SweepJson.Is(line, "checkpoint_stored"));
        var workers = WorkerTable.Of(home);
        run.Send(RunningProgram.Kill);
        foreach (var worker in workers) RunningProgram.Send(worker.Id, RunningProgram.Kill);
        await run.EndAsync();
        var sweep = (await SweepJson.ReadAsync(home)).GetProperty("sweep");
        Assert.Equal("interrupted", sweep.Text("state"));

        var resumed = (await RunningProgram.RunVaeAsync("sweep", "resume", sweep.Text("id"), "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0).ExpectNoTrace();

        await SameAsync(undisturbed, expected, home, resumed);
        Assert.Empty(Directory.GetFiles(Path.Combine(home.Path, "sweeps", sweep.Text("id"), "checkpoints")));
    }

    [Fact]
    public async Task F16_checkpoint_with_a_flipped_bit_is_named_and_the_one_before_is_used()
    {
        using TemporaryHome undisturbed = new(), home = new();
        var expected = await RunAsync(undisturbed, 1, "1", Slow);

        using var run = Start(home, 1, "1", Slow);
        await Poll.UntilAsync("two checkpoints are stored", () => run.Output.Count(line => SweepJson.Is(line, "checkpoint_stored")) >= 2 || run.HasEnded, run.Evidence);
        var workers = WorkerTable.Of(home);
        run.Send(RunningProgram.Kill);
        foreach (var worker in workers) RunningProgram.Send(worker.Id, RunningProgram.Kill);
        var killed = await run.EndAsync();
        var newest = SweepJson.Parse(killed.Lines.Last(line => line.EndsWith('}') && SweepJson.Is(line, "checkpoint_stored")));
        var sweep = newest.Text("sweep");
        var file = Directory.GetFiles(Path.Combine(home.Path, "sweeps", sweep, "checkpoints")).OrderBy(path => long.Parse(Path.GetFileNameWithoutExtension(path).Split('-')[2])).Last();
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[bytes.Length / 2] ^= 0x10;
        await File.WriteAllBytesAsync(file, bytes);

        var resumed = (await RunningProgram.RunVaeAsync("sweep", "resume", sweep, "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0).ExpectNoTrace();

        var refused = SweepJson.Parse(resumed.Lines.Single(line => SweepJson.Is(line, "checkpoint_refused")));
        Assert.Contains("its file is damaged", refused.Text("reason"), StringComparison.Ordinal);
        await SameAsync(undisturbed, expected, home, resumed);
    }

    [Fact]
    public async Task There_is_nothing_to_go_on_with_where_every_sweep_has_ended()
    {
        using var home = new TemporaryHome();

        var ending = (await RunningProgram.RunVaeAsync("sweep", "resume", "--home", home.Path)).Expect(3).ExpectNoTrace();

        Assert.Contains("There is no sweep to go on with", ending.Error, StringComparison.Ordinal);
    }

    private const string Tiny = "32, 16", Slow = "512, 128"; // The planner fuses tiny trials, whatever else the machine does.

    // Some 15 to 30 s alone: a checkpoint comes after 10, a second after 20.
    private static string Text(int workers, string betas, string encoder) =>
        SweepText.Grid(betas, "4", epochs: 1_000, workersPerPack: workers, count: 1_250, encoder: encoder, resources: ", max_pack: 2, lanes: 1, balance: even")
            .Replace("seed: 3", "seed: 3, evaluate_every: 200", StringComparison.Ordinal);

    private static RunningProgram Start(TemporaryHome home, int workers, string betas, string encoder = Tiny) =>
        RunningProgram.Vae("sweep", "run", home.Write("sweep.yaml", Text(workers, betas, encoder)), "--workers", $"{workers}", "--threads", "1", "--json", "--home", home.Path);

    private static async Task<Ending> RunAsync(TemporaryHome home, int workers, string betas, string encoder = Tiny)
    {
        using var run = Start(home, workers, betas, encoder);
        return (await run.EndAsync()).Expect(0);
    }

    // All trials train, and have been evaluated.
    private static Task<string> MiddleAsync(RunningProgram run) => run.LineAsync("an evaluation of epoch 400", line => SweepJson.Is(line, "evaluation") && SweepJson.Parse(line).Int("epochs") == 400);

    private static async Task SameAsync(TemporaryHome expectedHome, Ending expected, TemporaryHome home, Ending resumed)
    {
        var (want, have) = (SweepJson.Parse(expected.Lines[^1]), SweepJson.Parse(resumed.Lines[^1]));
        var (wantId, haveId) = (want.GetProperty("sweep").Text("id"), have.GetProperty("sweep").Text("id"));
        Assert.Equal("done", have.GetProperty("sweep").Text("state"));
        Assert.Contains(have.Items("trials"), trial => trial.Int("attempts") > 1);
        foreach (var trial in want.Items("trials"))
        {
            var other = have.Items("trials").Single(row => row.Int("trial") == trial.Int("trial"));
            Assert.Equal(trial.Number("elbo"), other.Number("elbo"));
            Assert.Equal(trial.Int("steps"), other.Int("steps"));
            var index = trial.Int("trial");
            var (curve, again) = (await CurveAsync(expectedHome, wantId, index), await CurveAsync(home, haveId, index));
            Assert.Equal([], curve.Keys.Except(again.Keys).Take(5));
            Assert.Equal([], again.Keys.Except(curve.Keys).Take(5));
            Assert.Equal([], curve.Where(line => again[line.Key] != line.Value).Select(line => $"{line.Value} became {again[line.Key]}").Take(5));
            Assert.Equal(await WeightsAsync(expectedHome, wantId, index), await WeightsAsync(home, haveId, index));
        }
    }

    // Without the times, and without training steps that were thinned out: which ones those are depends on where an attempt began.
    private static async Task<IReadOnlyDictionary<string, string>> CurveAsync(TemporaryHome home, string sweep, int trial)
    {
        var lines = await File.ReadAllLinesAsync(home.TrialFile(sweep, trial, "curves.csv"));
        var seconds = Array.IndexOf(lines[0].Split(','), "seconds");
        var byStep = lines.Skip(1).Select(line => line.Split(',')).ToDictionary(cells => $"{cells[0]} {cells[1]}", cells => string.Join(',', [.. cells[..seconds], .. cells[(seconds + 1)..]]));
        Assert.True(byStep.Count > 1_000);
        return byStep;
    }

    // The header names the sweep, which differs; the tensors must not.
    private static async Task<byte[]> WeightsAsync(TemporaryHome home, string sweep, int trial)
    {
        var file = await File.ReadAllBytesAsync(home.TrialFile(sweep, trial, "model.safetensors"));
        return file[(8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(file))..];
    }
}
