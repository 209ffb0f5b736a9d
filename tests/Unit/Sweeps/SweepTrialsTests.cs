using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class SweepTrialsTests
{
    [Fact]
    public void A_grid_varies_its_last_parameter_fastest()
    {
        var sweep = Sweep.Valid("search: { parameters: { training.beta: { values: [1, 4] }, model.latent: { values: [2, 8, 16] } } }");

        var trials = SweepTrials.Enumerate(sweep).ToArray();

        Assert.Equal(["beta=1 latent=2", "beta=1 latent=8", "beta=1 latent=16", "beta=4 latent=2", "beta=4 latent=8", "beta=4 latent=16"], trials.Select(trial => trial.Label));
        Assert.Equal([0, 1, 2, 3, 4, 5], trials.Select(trial => trial.Index));
        Assert.Equal(6, SweepTrials.Count(sweep));
    }

    [Fact]
    public void A_trial_has_the_searched_values_and_otherwise_those_of_the_file()
    {
        var sweep = Sweep.Valid("model: { latent: 3, activation: elu }\ntraining: { epochs: 2 }\nsearch: { parameters: { training.optimizer: { values: [sgd] }, model.encoder: { values: [[64, 32]] } } }");

        var trial = Assert.Single(SweepTrials.Enumerate(sweep));

        Assert.Equal(new ModelSpec { Latent = 3, Activation = Activation.Elu, Encoder = [64, 32] }, trial.Model);
        Assert.Equal(new TrainingSpec { Epochs = 2, Optimizer = OptimizerKind.Sgd }, trial.Training);
        Assert.Equal("optimizer=sgd encoder=[64, 32]", trial.Label);
    }

    [Fact]
    public void Without_a_search_there_is_one_trial()
    {
        var trial = Assert.Single(SweepTrials.Enumerate(Sweep.Valid("")));

        Assert.Equal("default", trial.Label);
        Assert.Equal(new TrainingSpec(), trial.Training);
    }

    [Fact]
    public void Ten_million_trials_are_counted_and_begun_without_being_listed()
    {
        var values = string.Join(", ", Enumerable.Range(1, 215));
        var sweep = Sweep.Valid($"search: {{ parameters: {{ training.epochs: {{ values: [{values}] }}, model.latent: {{ values: [{values}] }}, training.seed: {{ values: [{values}] }} }} }}");

        Assert.Equal(215L * 215 * 215, SweepTrials.Count(sweep));
        Assert.Equal("epochs=1 latent=2 seed=3", SweepTrials.Enumerate(sweep).Skip(217).First().Label);
    }

    [Fact]
    public void Random_trials_follow_from_the_seed()
    {
        const string File = "search: { method: random, trials: 50, seed: 3, parameters: { training.learning_rate: { log_uniform: [1e-4, 1e-2] }, model.latent: { int_uniform: [2, 32] } } }";

        var first = SweepTrials.Enumerate(Sweep.Valid(File)).ToArray();

        Assert.Equal(first, SweepTrials.Enumerate(Sweep.Valid(File)));
        Assert.NotEqual(first, SweepTrials.Enumerate(Sweep.Valid(File.Replace("seed: 3", "seed: 4"))));
        Assert.Equal("learning_rate=0.002406 latent=21", first[0].Label); // Pinned: a resumed sweep of an older version must see the same trials.
    }

    [Fact]
    public void Random_search_over_few_combinations_runs_each_once()
    {
        var result = Sweep.Parse("search: { method: random, trials: 500, parameters: { training.beta: { values: [1, 2, 3] }, model.latent: { int_uniform: [2, 8] } } }");

        Assert.Equal((Rules.Unused, Severity.Warning), result.Problems.Select(problem => (problem.Rule, problem.Severity)).Single());
        var trials = SweepTrials.Enumerate(result.Definition!).ToArray();
        Assert.Equal(21, trials.Length);
        Assert.Equal(21, SweepTrials.Count(result.Definition!));
        Assert.Equal(21, trials.Select(trial => trial.Label).Distinct().Count());
    }

    [Fact]
    public void A_range_of_few_numbers_yields_only_those()
    {
        var low = 1.0;
        var high = Math.BitIncrement(Math.BitIncrement(low));
        var sweep = Sweep.Valid($"search: {{ method: random, trials: 50, parameters: {{ training.beta: {{ uniform: [{low}, {high:R}] }} }} }}");

        var values = SweepTrials.Enumerate(sweep).Select(trial => trial.Training.Beta).ToArray();

        Assert.InRange(values.Length, 2, 3);
        Assert.Equal(values.Length, values.Distinct().Count());
    }

    [Fact]
    public void A_logarithmic_range_is_even_on_its_logarithm()
    {
        var sweep = Sweep.Valid("search: { method: random, trials: 4000, parameters: { training.learning_rate: { log_uniform: [1e-4, 1e-2] } } }");

        var below = SweepTrials.Enumerate(sweep).Count(trial => trial.Training.LearningRate < 1e-3);

        // Each duplicate of four digits is drawn again, so the trials are 4,000; half of them lie below the middle of the logarithms (5 sigma = 158).
        Assert.InRange(below, 2000 - 300, 2000 + 300);
    }

    [Fact]
    public void Labels_keep_as_much_of_a_path_as_tells_it_apart() =>
        Assert.Equal("a.x=1 b.x=2 y=3", TrialLabel.Of([new("a.x", "1"), new("b.x", "2"), new("b.y", "3")]));
}
