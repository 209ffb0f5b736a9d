using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Objectives;

public sealed class LadderTests : TorchTest
{
    private const double X = 1.7;

    [Fact]
    public void With_exact_suggestions_every_importance_weight_of_a_linear_ladder_is_the_likelihood()
    {
        using var network = LinearLadder.Create();
        var suggested = network.Encode(torch.tensor([(float)X], [1, 1, 1]));
        const int draws = 1_000;
        using var generator = new torch.Generator(5);
        var noise = torch.zeros([1, draws, 2]).normal_(generator: generator);

        var walk = LadderDescent.Walk(network, suggested, noise);
        var means = network.Decode(walk.Sample);
        var likelihood = ((X - means).square() * (1 / LinearLadder.T) + Math.Log(2 * Math.PI * LinearLadder.T)) * -0.5;
        var logWeights = (likelihood.sum(-1) - walk.SampledRate.sum(-1)).ToArray<float>();

        Assert.All(logWeights, weight => Assert.Equal(LinearLadder.LogLikelihood(X), weight, 2e-4));
    }

    [Fact]
    public void Rate_of_each_layer_is_the_mean_difference_of_its_log_densities()
    {
        using var network = LinearLadder.Create();
        const int draws = 100_000;
        Tensor[] suggested = [LinearLadder.Suggestion(0.9, 0.5).expand(1, draws, 2), LinearLadder.Suggestion(-0.4, 2).expand(1, draws, 2)];
        using var generator = new torch.Generator(6);
        var noise = torch.zeros([1, draws, 2]).normal_(generator: generator);

        var walk = LadderDescent.Walk(network, suggested, noise);

        foreach (var layer in (int[])[0, 1])
        {
            var difference = (walk.Rate - walk.SampledRate).narrow(2, layer, 1).view(-1);
            var error = Math.Sqrt(difference.var(0).item<float>() / draws);
            Assert.Equal(0, difference.mean().item<float>(), 4 * error);
            Assert.True(error > 0);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Gradient_equals_a_central_difference(int layers)
    {
        using var scope = torch.NewDisposeScope();
        var trial = Ladder(0, layers);
        using var network = LadderNetwork.Create(trial.Model with { Activation = Shared.Sweeps.Activation.Tanh }, new ImageShape(1, 4, 4), 3);
        foreach (var (_, tensor) in network.state_dict()) tensor.set_data(tensor.detach().to(ScalarType.Float64));
        foreach (var parameter in network.parameters()) parameter.grad = torch.zeros(parameter.shape, ScalarType.Float64);
        var (x, noise) = (torch.rand([1, 6, 16]).gt(0.5).to(ScalarType.Float64), torch.randn([1, 6, trial.Model.Ladder.Sum()], ScalarType.Float64));
        var parameters = network.parameters().ToArray();
        var directions = parameters.Select(parameter => torch.randn(parameter.shape, ScalarType.Float64)).ToArray();
        var bound = new LadderBound(network, trial.Model);

        Loss().backward();

        const double h = 1e-5;
        for (var i = 0; i < parameters.Length; i++)
        {
            var slope = (parameters[i].grad! * directions[i]).sum().item();
            Assert.Equal((Shifted(i, h) - Shifted(i, -h)) / (2 * h), slope, (Math.Abs(slope) * 1e-5) + 1e-6);
            Assert.NotEqual(0, slope);
        }

        Tensor Loss()
        {
            var sums = bound.Forward(x, noise, new SlotWeights(1));
            return sums.Distortion.sum() + sums.RatePerDimension.sum();
        }

        double Shifted(int place, double by)
        {
            using var mode = torch.no_grad();
            parameters[place].add_(directions[place], by);
            var loss = Loss().item();
            parameters[place].add_(directions[place], -by);
            return loss;
        }
    }

    [Theory]
    [InlineData(Shared.Sweeps.Activation.Tanh)]
    [InlineData(Shared.Sweeps.Activation.Relu)]
    [InlineData(Shared.Sweeps.Activation.Gelu)]
    public void Gradient_in_a_training_step_is_that_of_any_graph(Shared.Sweeps.Activation activation)
    {
        using var scope = torch.NewDisposeScope();
        var trial = Ladder(0, 3);
        using var network = LadderNetwork.Create(trial.Model with { Activation = activation }, new ImageShape(1, 4, 4), 3);
        var (x, noise) = (torch.rand([1, 6, 16]).gt(0.5).to(ScalarType.Float32), torch.randn([1, 6, trial.Model.Ladder.Sum()]));
        var bound = new LadderBound(network, trial.Model);

        var plain = Gradients();
        Dictionary<string, float[]> stepped;
        using (torch.nn.training_step()) stepped = Gradients();

        OneStep.Same(plain, stepped);

        Dictionary<string, float[]> Gradients()
        {
            foreach (var parameter in network.parameters()) parameter.grad = torch.zeros(parameter.shape);
            var sums = bound.Forward(x, noise, new SlotWeights(1));
            (sums.Distortion.sum() + sums.RatePerDimension.sum()).backward();
            return network.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.grad!.ToArray<float>());
        }
    }

    [Theory]
    [InlineData(2, Likelihood.Bernoulli, Binarize.Dynamic)]
    [InlineData(3, Likelihood.Gaussian, Binarize.None)]
    public void Each_ladder_of_a_pack_follows_the_curve_that_it_follows_alone(int layers, Likelihood likelihood, Binarize binarize)
    {
        using var data = PackRuns.Images(binarize);
        TrialSpec[] trials =
        [
            Ladder(0, layers, likelihood),
            Change(Ladder(1, layers, likelihood), training => training with { Beta = 3, KlWarmupEpochs = 3 }),
            Change(Ladder(2, layers, likelihood), training => training with { Seed = 9, LearningRate = 3e-4, MaxSteps = 60 }),
        ];

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) PackRuns.SameCurve(PackRuns.Train([trial], data), packed, trial.Index);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Held_out_rate_is_reported_by_layer_and_the_size_is_known_beforehand(int layers)
    {
        using var data = PackRuns.Images();
        var trial = Ladder(0, layers);
        using var trainer = PackTrainer.Of([trial], data, torch.CPU);
        var curves = new PackRuns.Curves(trainer);
        trainer.Run(new Worker.Collectives.NoAllReduce(), curves, CancellationToken.None);

        var report = curves.Ends[0].Report!;

        Assert.Equal(trial.Model.Ladder.Sum(), report.RatePerDimension.Count);
        Assert.All(report.RatePerDimension, rate => Assert.True(rate >= 0));
        Assert.Equal(report.Rate, report.RatePerDimension.Sum(), 1e-9);
        using var network = PackNetworks.Create(trial, data.Shape);
        Assert.Equal(network.parameters().Sum(parameter => parameter.numel()), ModelSize.Parameters(trial.Model, new DataShape(1, data.Shape.Channels, data.Shape.Height, data.Shape.Width)));
    }

    private static TrialSpec Ladder(int index, int layers, Likelihood likelihood = Likelihood.Bernoulli)
    {
        var trial = PackRuns.Trial(index, steps: 500);
        return trial with
        {
            Model = trial.Model with
            {
                Family = ModelFamily.Ladder,
                Ladder = new[] { 6, 4, 3, 2, 2 }.Take(layers).ToValueList(),
                Encoder = new[] { 24, 16, 12, 8, 8 }.Take(layers).ToValueList(),
                Likelihood = likelihood,
            },
        };
    }

    private static TrialSpec Change(TrialSpec trial, Func<TrainingSpec, TrainingSpec> change) => trial with { Training = change(trial.Training) };
}
