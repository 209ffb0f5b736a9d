using System.Globalization;
using Vae.Data.Png;
using Vae.Data.Safetensors;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>What a finished trial leaves behind, opened and looked at.</summary>
public class TrialFileTests(FinishedSweep sweep) : IClassFixture<FinishedSweep>
{
    private const int Side = 16;

    private static readonly string[] Files = ["config.json", "curves.csv", "model.safetensors", "reconstructions.png", "samples.png"];

    [Fact]
    public void Every_trial_has_its_five_files_and_nothing_else()
    {
        Assert.All(sweep.Trials, trial => Assert.Equal(Files, trial.Texts("files").Order()));
        Assert.All(sweep.Trials, trial => Assert.Equal(
            Files,
            Directory.EnumerateFiles(Path.GetDirectoryName(sweep.FileOf(trial, "config.json"))!).Select(Path.GetFileName).Order()));
    }

    [Fact]
    public void Samples_are_64_pictures_that_differ_from_each_other_and_nearly_all_show_light_on_dark()
    {
        Assert.All(sweep.Trials, trial =>
        {
            var samples = Tiles.Cut(PngReader.ReadFile(sweep.FileOf(trial, "samples.png")), Side);

            Assert.Equal(64, samples.Count);
            Assert.Equal(64, samples.Select(Convert.ToHexString).Distinct().Count());
            Assert.InRange(samples.Count(sample => sample.Max() - sample.Min() > 64), 50, 64); // A draw far out in the prior may stay dark.
        });
    }

    [Fact]
    public void Reconstructions_resemble_the_inputs_above_them_far_better_than_other_inputs()
    {
        var best = sweep.Trials[0];
        var tiles = Tiles.Cut(PngReader.ReadFile(sweep.FileOf(best, "reconstructions.png")), Side);
        var columns = 10;
        var pairs = Enumerable.Range(0, tiles.Count / 2).Select(i => (Input: tiles[(i / columns * 2 * columns) + (i % columns)], Output: tiles[(i / columns * 2 * columns) + columns + (i % columns)])).ToList();

        var own = pairs.Average(pair => Tiles.Correlation(pair.Input, pair.Output));
        var others = pairs.SelectMany((pair, i) => pairs.Where((_, j) => j != i).Select(other => Tiles.Correlation(other.Input, pair.Output))).Average();

        Assert.Equal(20, pairs.Count);
        Assert.All(pairs, pair => Assert.Contains(pair.Input, pixel => pixel > 200)); // Each input shows a shape.
        Assert.True(own > 0.6 && own > others + 0.3, $"correlation with the own input {own:F2}, with other inputs {others:F2}.");
    }

    [Fact]
    public void Model_files_hold_the_parameters_that_the_results_count_in_the_shapes_of_the_trial()
    {
        Assert.All(sweep.Trials, trial =>
        {
            using var model = SafetensorsFile.Open(sweep.FileOf(trial, "model.safetensors"));
            var latent = int.Parse(trial.GetProperty("hyperparameters").Text("model.latent"), CultureInfo.InvariantCulture);
            var matrices = model.Tensors.Values.Where(tensor => tensor.Shape.Count == 2).Select(tensor => $"{tensor.Shape[0]}x{tensor.Shape[1]}").Order();

            Assert.Equal(new[] { $"64x{Side * Side}", $"{2 * latent}x64", $"64x{latent}", $"{Side * Side}x64" }.Order(), matrices);
            Assert.Equal(trial.Int("parameters"), model.Tensors.Values.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size)));
            Assert.All(model.Tensors.Keys, name => Assert.All(model.Floats(name), value => Assert.True(float.IsFinite(value), $"{name} holds {value}.")));
            Assert.NotEmpty(model.Metadata);
        });
    }

    [Fact]
    public void Curves_hold_every_step_and_every_epoch_exactly_once_and_end_with_the_result()
    {
        Assert.All(sweep.Trials, trial =>
        {
            var curves = Curves.Read(sweep.FileOf(trial, "curves.csv"));

            Assert.Equal(Enumerable.Range(1, FinishedSweep.Steps), curves.Train.Select(row => row.Step));
            Assert.Equal(Enumerable.Range(1, FinishedSweep.Epochs), curves.HeldOut.Select(row => row.Epoch));
            Assert.All(curves.Train, row => Assert.True(double.IsFinite(row.Loss)));
            Assert.Equal(trial.Number("elbo"), curves.HeldOut[^1].Elbo);
            Assert.True(curves.HeldOut[^1].Elbo > curves.HeldOut[0].Elbo, "nothing was learned.");
            Assert.Equal(FinishedSweep.Steps, trial.Int("steps"));
        });
    }

    [Fact]
    public async Task A_trial_trained_again_from_its_config_alone_gives_the_same_result()
    {
        using var home = new TemporaryHome();
        var trial = sweep.Trials[^1]; // Not the first of the sweep: its place in the sweep must not matter.

        var run = (await RunningProgram.RunVaeAsync("train", sweep.FileOf(trial, "config.json"), "--workers", "1", "--threads", "1", "--json", "--home", home.Path)).Expect(0);
        var again = SweepJson.Parse(run.Lines[^1]).Items("trials").Single();

        Assert.Equal(sweep.Results.Text("fingerprint"), SweepJson.Parse(run.Lines[^1]).Text("fingerprint"));
        Assert.Equal(trial.Number("elbo"), again.Number("elbo"), Math.Abs(trial.Number("elbo")) * 1e-6);
        Assert.Equal(trial.Int("steps"), again.Int("steps"));
    }
}
