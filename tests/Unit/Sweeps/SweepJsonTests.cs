using System.Text;
using System.Text.Json;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class SweepJsonTests
{
    private static readonly TrialSpec Trial = new()
    {
        Index = 3,
        Assignments = [new("training.beta", "4"), new("model.encoder", "[64, 32]")],
        Model = new ModelSpec { Encoder = [64, 32], Decoder = [5], Channels = [1, 2], Likelihood = Likelihood.Gaussian, Variance = 0.1, Activation = Activation.LeakyRelu },
        Training = new TrainingSpec { Beta = 4, MaxSteps = long.MaxValue, Seed = ulong.MaxValue, LearningRate = 1.0 / 3, GradientClip = 1e-9, Optimizer = OptimizerKind.AdamW },
    };

    [Fact]
    public void A_trial_comes_back_from_the_wire_as_it_was() => Assert.Equal(Trial, TrialSpecJson.Read(TrialSpecJson.WriteUtf8(Trial)));

    [Fact]
    public void Every_field_comes_back_with_a_value_of_its_own()
    {
        var trial = Trial with
        {
            Model = Trial.Model with
            {
                Family = ModelFamily.Ladder,
                Architecture = Architecture.Resnet,
                Likelihood = Likelihood.ContinuousBernoulli,
                Blocks = 5,
                Groups = 6,
                Prior = Prior.Vamp,
                PseudoInputs = 7,
                Ladder = [4, 3],
                Codes = 9,
                CodeSize = 10,
                CodePriorWidth = 11,
                Classes = 12,
                OutputBias = OutputBias.Data,
            },
            Training = Trial.Training with
            {
                Objective = TrainingObjective.Factor,
                ImportanceSamples = 13,
                KlSchedule = KlSchedule.Cyclical,
                KlCycles = 14,
                KlCycleRise = 0.15,
                FreeBits = 0.16,
                Capacity = 17,
                CapacityWeight = 18,
                CapacityEpochs = 19,
                TcAlpha = 20,
                TcGamma = 21,
                TcEstimator = TcEstimator.Mws,
                FactorGamma = 22,
                DiscriminatorWidth = 23,
                DiscriminatorLayers = 4,
                DiscriminatorRate = 0.25,
                MmdAlpha = -26,
                MmdLambda = 27,
                MmdKernel = MmdKernel.Rbf,
                Commitment = 28,
                CodeDecay = 0.29,
                CodeRevival = 0.3,
                Labelled = 31,
                ClassifierWeight = 32,
            },
        };

        Assert.Equal(trial, TrialSpecJson.Read(TrialSpecJson.WriteUtf8(trial)));
    }

    [Fact]
    public void A_trial_written_before_a_field_was_there_has_its_default()
    {
        var text = Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(Trial)).Replace(",\"free_bits\":0", "", StringComparison.Ordinal).Replace(",\"prior\":\"normal\"", "", StringComparison.Ordinal);

        Assert.DoesNotContain("free_bits", text, StringComparison.Ordinal);
        Assert.Equal(Trial, TrialSpecJson.Read(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void A_config_file_holds_trial_and_data_set()
    {
        var source = new DatasetSource { Source = "idx", Images = "a \"b\"/ü.gz", HoldOut = 0.125, Binarize = Binarize.Dynamic };

        var text = TrialSpecJson.WriteConfig(Trial, source);

        var (trial, dataset) = TrialSpecJson.ReadConfig(Encoding.UTF8.GetBytes(text));
        Assert.Equal(Trial, trial);
        Assert.Equal(source, dataset);
        var json = JsonDocument.Parse(text).RootElement;
        Assert.Equal("leaky_relu", json.GetProperty("model").GetProperty("activation").GetString());
        Assert.Equal("beta=4 encoder=[64, 32]", json.GetProperty("label").GetString());
    }

    [Theory]
    [InlineData("\"latent\":16", "\"latent\":0", "model.latent must be")]
    [InlineData("\"latent\":16", "\"latent\":16,\"depth\":2", "unknown key `depth`")]
    [InlineData("\"latent\":16", "\"latent\":16,\"latent\":17", "appears twice")]
    [InlineData("\"schema_version\":1", "\"schema_version\":2", "reads 1")]
    [InlineData("\"index\":3", "\"index\":-1", "trial.index")]
    [InlineData("\"index\":3,", "", "lacks `index`")]
    [InlineData("\"index\":3", "\"index\":3,\"extra\":1", "no `extra`")]
    [InlineData("\"beta\":4", "\"beta\":1e999", "training.beta must be")]
    [InlineData("{\"schema", "{{\"schema", "no JSON")]
    public void A_trial_that_is_not_sound_is_refused_by_name(string part, string replacement, string says)
    {
        var text = Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(Trial));
        Assert.Contains(part, text, StringComparison.Ordinal);

        var fault = Assert.Throws<FormatException>(() => TrialSpecJson.Read(Encoding.UTF8.GetBytes(text.Replace(part, replacement))));

        Assert.Contains(says, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_prefix_of_a_trial_is_refused()
    {
        var bytes = TrialSpecJson.WriteUtf8(Trial);

        for (var length = 0; length < bytes.Length; length++) Assert.Throws<FormatException>(() => TrialSpecJson.Read(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void A_sweep_comes_back_as_it_was()
    {
        var sweep = Sweep.Valid("""
            resources: { workers_per_pack: [1, 3], threads: 2, max_pack: 8, lanes: 3, balance: even, all_reduce: gloo, compression: bfloat16, overlap: off, device: cuda, precision: bfloat16 }
            budget: { wall: 1d2h3m4s }
            search:
              method: random
              trials: 9
              parameters:
                training.beta: { uniform: [0.1, 4] }
                training.learning_rate: { log_uniform: [1e-5, 1e-2] }
                model.latent: { int_uniform: [2, 8] }
                model.encoder: { values: [[512, 256], [64]] }
                model.activation: { values: [relu, leaky_relu] }
            """);

        Assert.Equal(sweep, SweepDefinitionJson.Read(SweepDefinitionJson.WriteUtf8(sweep)));
    }
}
