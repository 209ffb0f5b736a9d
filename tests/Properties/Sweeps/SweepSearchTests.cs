using FsCheck;
using FsCheck.Fluent;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Properties.Sweeps;

public class SweepSearchTests
{
    private static readonly Config Config = FsCheck.Config.QuickThrowOnFailure.WithMaxTest(200);

    [Fact]
    public void A_grid_lists_as_many_trials_as_it_counts_and_none_twice() =>
        Prop.ForAll(Gen.Choose(1, 6).Three().ToArbitrary(), sizes =>
        {
            var search = new SearchSpec
            {
                Parameters = [Listed("training.beta", sizes.Item1), Listed("model.latent", sizes.Item2), Listed("training.epochs", sizes.Item3)],
            };
            var trials = SweepTrials.Enumerate(Of(search)).ToArray();
            Assert.Equal(sizes.Item1 * sizes.Item2 * sizes.Item3, trials.Length);
            Assert.Equal(trials.Length, SweepTrials.Count(Of(search)));
            Assert.Equal(trials.Length, trials.Select(trial => trial.Assignments).Distinct().Count());
            Assert.True(trials.Select(trial => trial.Index).SequenceEqual(Enumerable.Range(0, trials.Length)));
        }).Check(Config);

    [Fact]
    public void Drawn_numbers_lie_in_their_range_and_reach_the_trial() =>
        Prop.ForAll(Gen.Choose(1, 9_999).Four().ToArbitrary(), draw =>
        {
            var (low, high) = (draw.Item1 * 1e-4, (draw.Item1 + draw.Item2) * 1e-4);
            var search = new SearchSpec
            {
                Method = SearchMethod.Random, Trials = 20, Seed = (ulong)draw.Item3,
                Parameters =
                [
                    new("training.beta", new ParameterDomain.Uniform(low, high)), new("training.learning_rate", new ParameterDomain.LogUniform(low * 1e-3, high * 1e-3)),
                    new("model.latent", new ParameterDomain.IntUniform(draw.Item4 % 50 + 1, draw.Item4 % 50 + 9)),
                ],
            };
            var trials = SweepTrials.Enumerate(Of(search)).ToArray();
            Assert.Equal(20, trials.Length);
            Assert.All(trials, trial =>
            {
                Assert.InRange(trial.Training.Beta, low, high);
                Assert.InRange(trial.Training.LearningRate, low * 1e-3, high * 1e-3);
                Assert.InRange(trial.Model.Latent, draw.Item4 % 50 + 1, draw.Item4 % 50 + 9);
                Assert.Equal(trial, TrialSpecJson.Read(TrialSpecJson.WriteUtf8(trial)));
            });
            Assert.Equal(20, trials.Select(trial => trial.Assignments).Distinct().Count());
        }).Check(Config);

    [Fact]
    public void Random_search_without_replacement_reaches_every_combination_equally()
    {
        // 6 combinations, 1 drawn, 6,000 seeds: each is expected 1,000 times; 5 standard deviations are 144.
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (ulong seed = 0; seed < 6_000; seed++)
        {
            var search = new SearchSpec { Method = SearchMethod.Random, Trials = 1, Seed = seed, Parameters = [Listed("training.beta", 2), Listed("model.latent", 3)] };
            var label = SweepTrials.Enumerate(Of(search)).Single().Label;
            counts[label] = counts.GetValueOrDefault(label) + 1;
        }

        Assert.Equal(6, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 1_000 - 144, 1_000 + 144));
    }

    private static SearchParameter Listed(string path, int count) => new(path, new ParameterDomain.Values(Enumerable.Range(1, count).Select(value => $"{value}").ToValueList()));

    private static SweepDefinition Of(SearchSpec search) => new() { Name = "test", Dataset = new DatasetSource { Source = DatasetSource.Sprites }, Search = search };
}
