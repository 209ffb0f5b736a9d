using System.Text;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class SweepParserTests
{
    [Fact]
    public void A_file_with_required_keys_only_gets_every_default()
    {
        var expected = new SweepDefinition { Name = "test", Dataset = new DatasetSource { Source = "sprites" } };

        Assert.Equal(expected, Sweep.Valid(""));
    }

    [Fact]
    public void Every_key_reaches_its_place()
    {
        var result = SweepParser.Parse("""
            version: 1
            name: beta-vs.latent_2
            dataset: { source: idx, images: a/t10k.gz, labels: b.gz, holdout: 0.25, binarize: dynamic }
            model: { family: vae, architecture: mlp, encoder: [400, 200], decoder: [100], latent: 3, likelihood: gaussian, variance: 0.5, activation: leaky_relu }
            training:
              epochs: 7
              max_steps: 1000
              batch: 64
              optimizer: adamw
              learning_rate: 2e-4
              weight_decay: .01
              adam_beta1: 0.8
              adam_beta2: 0.99
              adam_epsilon: 1e-6
              beta: 4
              kl_warmup_epochs: 2.5
              seed: 18446744073709551615
              gradient_clip: 5
              evaluate_every: 2
            search:
              method: random
              trials: 40
              seed: 9
              parameters:
                training.beta: { values: [0.5, 1] }
                training.learning_rate: { log_uniform: [1e-4, 1e-2] }
                model.latent: { int_uniform: [2, 8] }
                training.kl_warmup_epochs: { uniform: [0, 3] }
                model.encoder: { values: [[512, 256], [64]] }
            objective: { metric: elbo, goal: maximize }
            resources: { workers_per_pack: [1, 2], max_pack: 16, lanes: 4, device: cpu, threads: 3, balance: even, all_reduce: messagepack, compression: bfloat16, overlap: on, precision: float32 }
            budget: { wall: 1h30m }
            """);

        Assert.Equal([Rules.Conflict], result.Problems.Select(problem => problem.Rule)); // The warning about grey values and bits.
        var sweep = result.Definition!;
        Assert.Equal("beta-vs.latent_2", sweep.Name);
        Assert.Equal(new DatasetSource { Source = "idx", Images = "a/t10k.gz", Labels = "b.gz", HoldOut = 0.25, Binarize = Binarize.Dynamic }, sweep.Dataset);
        Assert.Equal(new ModelSpec { Encoder = [400, 200], Decoder = [100], Latent = 3, Likelihood = Likelihood.Gaussian, Variance = 0.5, Activation = Activation.LeakyRelu }, sweep.Model);
        Assert.Equal(new TrainingSpec
        {
            Epochs = 7, MaxSteps = 1000, Batch = 64, Optimizer = OptimizerKind.AdamW, LearningRate = 2e-4, WeightDecay = 0.01, AdamBeta1 = 0.8, AdamBeta2 = 0.99,
            AdamEpsilon = 1e-6, Beta = 4, KlWarmupEpochs = 2.5, Seed = ulong.MaxValue, GradientClip = 5, EvaluateEvery = 2,
        }, sweep.Training);
        Assert.Equal(new SearchSpec
        {
            Method = SearchMethod.Random, Trials = 40, Seed = 9,
            Parameters =
            [
                new("training.beta", new ParameterDomain.Values(["0.5", "1"])), new("training.learning_rate", new ParameterDomain.LogUniform(1e-4, 1e-2)),
                new("model.latent", new ParameterDomain.IntUniform(2, 8)), new("training.kl_warmup_epochs", new ParameterDomain.Uniform(0, 3)),
                new("model.encoder", new ParameterDomain.Values(["[512, 256]", "[64]"])),
            ],
        }, sweep.Search);
        Assert.Equal(new ResourceSpec
        {
            WorkersPerPackMin = 1, WorkersPerPackMax = 2, MaxPack = 16, Lanes = 4, Device = DeviceChoice.Cpu, Threads = 3, Balance = BalanceMode.Even,
            AllReduce = AllReduceEngine.Messagepack, Compression = GradientCompression.Bfloat16, Overlap = OverlapMode.On,
        }, sweep.Resources);
        Assert.Equal(TimeSpan.FromMinutes(90), sweep.Budget.Wall);
    }

    [Theory]
    [InlineData("1e-3", 1e-3)]
    [InlineData("1E-3", 1e-3)]
    [InlineData("+.5", 0.5)]
    [InlineData("5.", 5)]
    [InlineData("007", 7)]
    public void Numbers_are_those_of_yaml_1_2(string text, double expected) =>
        Assert.Equal(expected, Sweep.Valid($"training: {{ learning_rate: {text} }}").Training.LearningRate);

    [Theory]
    [InlineData("decoder: mirror")]
    [InlineData("decoder: null")]
    [InlineData("decoder: ~")]
    public void An_absent_value_can_be_said_aloud(string line) => Assert.Null(Sweep.Valid($"model: {{ {line} }}").Model.Decoder);

    [Fact]
    public void Byte_order_marks_and_windows_line_ends_are_read()
    {
        var text = "\uFEFF" + Sweep.Head.Replace("\n", "\r\n") + "model:\r\n  latent: 4\r\n  latnt: 5\r\n";

        var problem = Assert.Single(SweepParser.Parse(Encoding.UTF8.GetBytes(text)).Problems);

        Assert.Equal((6, 3), (problem.Line, problem.Column));
    }

    [Fact]
    public void All_problems_come_at_once_in_the_order_of_the_file()
    {
        var problems = Sweep.Parse("budget: { wall: soon }\ntraining: { epochs: 0, batch: x }\nmodel:\n  latent: [2]\n  size: 3\n").Problems;

        Assert.Equal([(4, 17), (5, 21), (5, 31), (7, 11), (8, 3)], problems.Select(problem => (problem.Line, problem.Column)));
    }

    [Fact]
    public void Warnings_do_not_refuse_a_file()
    {
        var result = Sweep.Parse("model: { architecture: conv, encoder: [10] }\n");

        var warning = Assert.Single(result.Problems);
        Assert.Equal((Severity.Warning, Rules.Unused), (warning.Severity, warning.Rule));
        Assert.NotNull(result.Definition);
    }

    [Theory]
    [InlineData("all_reduce: gloo", "resources.all_reduce has no effect: each trial is trained by one worker")]
    [InlineData("compression: bfloat16", "resources.compression has no effect: each trial is trained by one worker")]
    [InlineData("overlap: on", "resources.overlap has no effect: each trial is trained by one worker")]
    [InlineData("balance: even", "resources.balance has no effect: each trial is trained by one worker")]
    [InlineData("workers_per_pack: 2, all_reduce: shared_memory, compression: bfloat16", "resources.compression has no effect with all_reduce shared_memory: only what travels over TCP is compressed")]
    public void A_setting_between_workers_that_changes_nothing_is_called_unused(string resources, string says)
    {
        var warning = Assert.Single(Sweep.Parse($"resources: {{ {resources} }}\n").Problems);

        Assert.Equal((Severity.Warning, Rules.Unused, says), (warning.Severity, warning.Rule, warning.Message));
    }

    [Theory]
    [InlineData("all_reduce: auto, compression: none, overlap: auto, balance: auto")]
    [InlineData("workers_per_pack: 2, all_reduce: gloo, overlap: on, balance: even")]
    [InlineData("workers_per_pack: [1, 2], compression: bfloat16")]
    [InlineData("workers_per_pack: 2, all_reduce: messagepack, compression: bfloat16")]
    public void A_setting_between_workers_that_may_change_something_is_not(string resources) => Assert.Empty(Sweep.Parse($"resources: {{ {resources} }}\n").Problems);

    [Fact]
    public void A_value_that_some_trials_use_is_not_called_unused() =>
        Assert.Empty(Sweep.Parse("model: { encoder: [10] }\nsearch: { parameters: { model.architecture: { values: [mlp, conv] } } }\n").Problems);

    [Fact]
    public void Rules_of_a_trial_are_checked_on_searched_values()
    {
        var result = Sweep.Parse("resources: { workers_per_pack: 8 }\nsearch:\n  parameters:\n    training.batch: { values: [64, 4] }\n");

        Assert.Equal([(Rules.TooManyWorkers, 4)], result.Problems.Select(problem => (problem.Rule, problem.Line)));
    }

    [Fact]
    public void After_a_hundred_problems_the_rest_is_one_line()
    {
        var text = new StringBuilder(Sweep.Head);
        for (var i = 0; i < 20_000; i++) text.Append($"k{i}: 1\n");

        var problems = SweepParser.Parse(text.ToString()).Problems;

        Assert.Equal(101, problems.Count);
        Assert.Equal(Rules.TooManyProblems, problems[^1].Rule);
    }
}
