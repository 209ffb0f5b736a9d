using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

public sealed class VampPriorTests : TorchTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Density_is_the_mean_of_the_posteriors_of_the_pseudo_inputs(int count)
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(count);
        using var mode = torch.no_grad();
        step.Network.PseudoInputs!.copy_(torch.rand(step.Network.PseudoInputs.shape));
        var head = step.Network.Encode(step.Network.PseudoInputs).to(ScalarType.Float64)[0];
        var z = torch.randn([1, 4, 3]);

        var actual = new VampPrior(step.Network).LogDensity(z, null)[0].ToArray<float>();

        for (var i = 0; i < 4; i++)
        {
            var density = 0.0;
            for (var p = 0; p < count; p++)
            {
                var log = 0.0;
                for (var j = 0; j < 3; j++)
                {
                    var (mean, logVariance, value) = (head[p][j].item(), head[p][3 + j].item(), z[0][i][j].item());
                    log -= 0.5 * (Math.Log(2 * Math.PI) + logVariance + ((value - mean) * (value - mean) * Math.Exp(-logVariance)));
                }

                density += Math.Exp(log) / count;
            }

            Assert.Equal(Math.Log(density), actual[i], 1e-3);
        }
    }

    [Fact]
    public void Rate_is_zero_where_the_prior_is_the_posterior_itself()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(1);
        using (torch.no_grad())
        {
            step.Network.PseudoInputs!.copy_(step.X.narrow(1, 0, 1));
            step.X.copy_(step.X.narrow(1, 0, 1).expand(1, step.Batch, 64).contiguous());
        }

        var terms = step.Objective.Forward(step.Inputs());

        Assert.Equal([1L, 1L], terms.Rate.shape);
        Assert.Equal(0, step.Report(terms).Rate, 1e-4);
    }

    [Fact]
    public void Pseudo_inputs_learn_through_the_encoder()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(4);

        var gradients = step.Gradients(step.Objective.Forward(step.Inputs()));

        Assert.Contains(gradients["pseudo_inputs"], value => value != 0);
    }

    [Fact]
    public void Gradient_equals_a_central_difference()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(3);
        foreach (var (_, tensor) in step.Network.state_dict()) tensor.set_data(tensor.detach().to(ScalarType.Float64));
        step.Objective = PackObjectives.Create(step.Network, step.Position.Trial.Model, step.Position.Trial.Training);
        foreach (var parameter in step.Network.parameters()) parameter.grad = torch.zeros(parameter.shape, ScalarType.Float64);
        var (x, noise) = (step.X.to(ScalarType.Float64), step.Noise.to(ScalarType.Float64));
        var parameters = step.Network.parameters().ToArray();
        var directions = parameters.Select(parameter => torch.randn(parameter.shape, ScalarType.Float64)).ToArray();
        var bound = new VampBound(step.Network, step.Position.Trial.Model);

        Loss().backward();
        var slope = parameters.Zip(directions).Sum(pair => (pair.First.grad! * pair.Second).sum().item());

        const double h = 1e-5;
        Assert.Equal((Shifted(h) - Shifted(-h)) / (2 * h), slope, Math.Abs(slope) * 1e-5);

        Tensor Loss()
        {
            var sums = bound.Forward(step.Inputs() with { X = x, Noise = noise });
            return sums.Distortion.sum() + sums.RatePerDimension.sum();
        }

        double Shifted(double by)
        {
            using var mode = torch.no_grad();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, by);
            var loss = Loss().item();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, -by);
            return loss;
        }
    }

    [Fact]
    public void Draws_have_the_means_and_variances_of_the_mixture()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(3);
        using var mode = torch.no_grad();
        step.Network.PseudoInputs!.copy_(torch.rand(step.Network.PseudoInputs.shape));
        var components = new VampPrior(step.Network).Components(mask: null);
        var mean = components.Mean[0].mean(0);
        var variance = (components.LogVariance[0].exp() + components.Mean[0].square()).mean(0) - mean.square();
        const int count = 40_000;

        var draws = PriorDraws.Draw(step.Network, 0, count, seed: 4);

        for (var j = 0; j < 3; j++)
        {
            var error = Math.Sqrt(variance[j].item() / count);
            Assert.Equal(mean[j].item(), draws.mean(0)[j].item(), 4 * error);
            Assert.Equal(variance[j].item(), draws.var(0)[j].item(), variance[j].item() * 0.05);
        }

        Assert.Equal(draws.narrow(0, 10, 5).ToArray<float>(), PriorDraws.Draw(step.Network, 0, 5, seed: 4, first: 10).ToArray<float>());
    }

    private static OneStep Of(int count) => new(new TrainingSpec(), model: new ModelSpec { Prior = Prior.Vamp, PseudoInputs = count });
}
