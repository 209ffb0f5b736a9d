using Vae.Models;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Models;

public sealed class ObjectiveTests : TorchTest
{
    private static readonly ImageShape Small = new(1, 8, 8);

    public static TheoryData<Architecture, Likelihood> Kinds => new()
    {
        { Architecture.Mlp, Likelihood.Bernoulli }, { Architecture.Mlp, Likelihood.Gaussian },
        { Architecture.Conv, Likelihood.Bernoulli }, { Architecture.Conv, Likelihood.Gaussian },
        { Architecture.Resnet, Likelihood.Bernoulli }, { Architecture.Resnet, Likelihood.Gaussian },
        { Architecture.Mlp, Likelihood.ContinuousBernoulli }, { Architecture.Conv, Likelihood.DiscretisedLogistic },
    };

    // In float64 the fused kernels step aside for plain operations; the kernels themselves are checked against those elsewhere.
    [Theory, MemberData(nameof(Kinds))]
    public void Gradient_equals_a_central_difference_along_a_random_direction(Architecture architecture, Likelihood likelihood)
    {
        using var scope = torch.NewDisposeScope();
        var spec = Spec(architecture, likelihood);
        using var network = VaeNetwork.Create(spec, Small, [7UL]);
        foreach (var (_, tensor) in network.state_dict()) tensor.set_data(tensor.detach().to(ScalarType.Float64));
        var objective = new VaeObjective(network, spec);
        var x = torch.rand([1, 5, Small.Values], ScalarType.Float64);
        if (likelihood == Likelihood.Bernoulli) x = x.gt(0.5).to(ScalarType.Float64);
        if (likelihood == Likelihood.DiscretisedLogistic) x = (x * 255).round() / 255;
        var noise = torch.randn([1, 5, spec.Latent], ScalarType.Float64);
        var parameters = network.parameters().ToArray();
        var directions = parameters.Select(parameter => torch.randn(parameter.shape, ScalarType.Float64)).ToArray();

        Loss(objective, x, noise, beta: 3).backward();
        var slope = parameters.Zip(directions).Sum(pair => (pair.First.grad! * pair.Second).sum().item());
        const double h = 1e-5;
        var difference = (Shifted(h) - Shifted(-h)) / (2 * h);

        Assert.Equal(difference, slope, Math.Abs(difference) * 1e-6);

        double Shifted(double by)
        {
            using var _ = torch.no_grad();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, by);
            var loss = Loss(objective, x, noise, beta: 3).item();
            foreach (var (parameter, direction) in parameters.Zip(directions)) parameter.add_(direction, -by);
            return loss;
        }
    }

    [Fact]
    public void At_beta_one_the_loss_is_the_negative_bound_computed_from_its_definition()
    {
        using var scope = torch.NewDisposeScope();
        var spec = Spec(Architecture.Mlp, Likelihood.Bernoulli);
        using var network = VaeNetwork.Create(spec, Small, [3UL]);
        var objective = new VaeObjective(network, spec);
        var x = torch.rand([1, 6, Small.Values]).gt(0.5).to(ScalarType.Float32);
        var noise = torch.randn([1, 6, spec.Latent]);

        var loss = Loss(objective, x, noise, beta: 1).item();

        // -E_q[log p(x|z)] - log p(z) + log q(z|x) would need many samples for its KL; here the KL is written out in double.
        var head = network.Encode(x).to(ScalarType.Float64);
        var mean = head.narrow(2, 0, spec.Latent);
        var logVariance = head.narrow(2, spec.Latent, spec.Latent);
        var z = mean + (logVariance * 0.5).exp() * noise.to(ScalarType.Float64);
        var logits = network.Decode(z.to(ScalarType.Float32)).to(ScalarType.Float64);
        var target = x.to(ScalarType.Float64);
        var distortion = (logits.softplus(threshold: 100) - logits * target).sum().item();
        var rate = (0.5 * (mean.square() + logVariance.exp() - 1 - logVariance)).sum().item();
        Assert.Equal(distortion + rate, loss, (distortion + rate) * 1e-5);
    }

    [Fact]
    public void Analytic_rate_equals_its_monte_carlo_estimate_within_four_standard_errors()
    {
        using var scope = torch.NewDisposeScope();
        const int samples = 200_000;
        var head = torch.tensor([0.8f, -0.3f, -1.1f, 0.4f], [1, 1, 4]);
        var posterior = Fused.gaussian_posterior(head.expand(1, samples, 4).contiguous(), torch.randn([1, samples, 2]));
        var z = posterior.Sample.to(ScalarType.Float64).view(samples, 2);
        var mean = head.to(ScalarType.Float64).view(4).narrow(0, 0, 2);
        var logVariance = head.to(ScalarType.Float64).view(4).narrow(0, 2, 2);

        var ratio = (0.5 * (z.square() - (z - mean).square() * (-logVariance).exp() - logVariance)).sum(1);
        var standardError = Math.Sqrt(ratio.var(0).item() / samples);
        var analytic = posterior.Divergence.sum().item() / samples;

        Assert.Equal(ratio.mean().item(), analytic, 4 * standardError);
    }

    [Fact]
    public void Packed_replicas_compute_what_each_computes_alone()
    {
        foreach (var architecture in (Architecture[])[Architecture.Mlp, Architecture.Conv])
        {
            using var scope = torch.NewDisposeScope();
            var spec = Spec(architecture, Likelihood.Bernoulli);
            using var pack = VaeNetwork.Create(spec, Small, [5UL, 6UL, 7UL]);
            var x = torch.rand([3, 4, Small.Values]);
            var noise = torch.randn([3, 4, spec.Latent]);
            var together = new VaeObjective(pack, spec).Forward(x, noise, 1);
            for (var k = 0; k < 3; k++)
            {
                using var alone = VaeNetwork.Create(spec, Small, [5UL + (ulong)k]);
                var single = new VaeObjective(alone, spec).Forward(x.narrow(0, k, 1), noise.narrow(0, k, 1), 1);
                var expected = single.Distortion.item();
                Assert.Equal(expected, together.Distortion[k].item(), Math.Abs(expected) * 1e-5);
                Assert.Equal(single.RatePerDimension.sum().item(), together.RatePerDimension[k].sum().item(), 1e-4);
            }
        }
    }

    internal static ModelSpec Spec(Architecture architecture, Likelihood likelihood) => new()
    {
        Architecture = architecture,
        Likelihood = likelihood,
        Encoder = [12, 9],
        Channels = architecture == Architecture.Resnet ? [2, 4] : [3, 4],
        Hidden = 10,
        Blocks = 1,
        Groups = 2,
        Latent = 3,
        Activation = Vae.Shared.Sweeps.Activation.Tanh,
    };

    private static Tensor Loss(VaeObjective objective, Tensor x, Tensor noise, double beta)
    {
        var bound = objective.Forward(x, noise, 1);
        return bound.Distortion.sum() + (bound.RatePerDimension.sum() * beta);
    }
}
