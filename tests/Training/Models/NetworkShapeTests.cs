using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Models;

/// <summary>Networks of all architectures on the image sizes that people have, and the sizes that plans predict for them.</summary>
public sealed class NetworkShapeTests : TorchTest
{
    public static TheoryData<Architecture, int, int> Images
    {
        get
        {
            var data = new TheoryData<Architecture, int, int>();
            foreach (var architecture in Enum.GetValues<Architecture>())
                foreach (var size in (int[])[28, 32, 64])
                    foreach (var channels in (int[])[1, 3])
                        data.Add(architecture, size, channels);
            return data;
        }
    }

    [Theory, MemberData(nameof(Images))]
    public void Images_come_back_in_their_shape_and_a_plan_knows_the_number_of_weights(Architecture architecture, int size, int channels)
    {
        using var scope = torch.NewDisposeScope();
        var spec = new ModelSpec { Architecture = architecture, Encoder = [8], Blocks = 1, Latent = 3 };
        var image = new ImageShape(channels, size, size);
        using var network = VaeNetwork.Create(spec, image, [1UL]);

        var hidden = network.Encode(torch.rand([1, 2, image.Values]));
        var decoded = network.Decode(torch.randn([1, 2, 3]));

        Assert.Equal([1, 2, 6], hidden.shape);
        Assert.Equal([1, 2, image.Values], decoded.shape);
        Assert.Equal(network.ParametersOf(3), ModelSize.Parameters(spec, new DataShape(10, channels, size, size)));
    }

    public static TheoryData<string, ModelSpec> Kinds => new()
    {
        { "three blocks", new ModelSpec { Architecture = Architecture.Resnet, Channels = [16, 24, 8], Blocks = 3, Groups = 4, Hidden = 7, Latent = 5 } },
        { "one convolution", new ModelSpec { Architecture = Architecture.Conv, Channels = [5], Hidden = 7, Latent = 5 } },
        { "learned variance", new ModelSpec { Likelihood = Likelihood.Gaussian, Encoder = [9, 8, 7], Latent = 2 } },
        { "logistic", new ModelSpec { Likelihood = Likelihood.DiscretisedLogistic, Encoder = [9], Decoder = [3, 4], Latent = 2 } },
        { "continuous Bernoulli", new ModelSpec { Likelihood = Likelihood.ContinuousBernoulli, Encoder = [9], Latent = 2 } },
    };

    [Theory, MemberData(nameof(Kinds))]
    public void A_plan_knows_the_number_of_weights_of_any_depth_and_likelihood(string kind, ModelSpec spec)
    {
        using var network = VaeNetwork.CreateEmpty(spec, new ImageShape(3, 16, 32), 2);

        Assert.True(network.ParametersOf(spec.Latent) == ModelSize.Parameters(spec, new DataShape(10, 3, 16, 32)), kind);
    }

    [Fact]
    public void Residual_blocks_of_zero_weight_pass_their_input_on()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new ModelSpec { Architecture = Architecture.Resnet, Channels = [8], Hidden = 4, Latent = 2 };
        using var network = VaeNetwork.Create(spec, new ImageShape(1, 8, 8), [1UL]);
        var x = torch.rand([1, 3, 64]);
        var some = network.Encode(x).ToArray<float>();
        using (torch.no_grad())
        {
            foreach (var (name, parameter) in network.named_parameters())
                if (name.Contains("conv2", StringComparison.Ordinal)) parameter.zero_();
        }

        var without = network.Encode(x).ToArray<float>();
        using (torch.no_grad())
        {
            // What stands inside a block does not matter any more; what stands outside does.
            foreach (var (name, parameter) in network.named_parameters())
                if (name.Contains("conv1", StringComparison.Ordinal)) parameter.fill_(3);
        }

        Assert.NotEqual(some, without);
        Assert.Equal(without, network.Encode(x).ToArray<float>());
    }

    [Theory]
    [InlineData(Likelihood.Bernoulli)]
    [InlineData(Likelihood.Gaussian)]
    [InlineData(Likelihood.ContinuousBernoulli)]
    [InlineData(Likelihood.DiscretisedLogistic)]
    public void Losses_of_rows_add_up_to_the_loss_of_each_replica(Likelihood likelihood)
    {
        using var scope = torch.NewDisposeScope();
        var observation = new Observation(likelihood, likelihood is Likelihood.Gaussian or Likelihood.DiscretisedLogistic ? torch.tensor([-1f, -2f, 0.5f]) : null);
        var decoded = torch.randn([3, 4, 10]);
        var x = (torch.rand([1, 4, 10]) * 255).round() / 255;

        var rows = observation.DistortionOfRows(decoded, x);
        var sums = observation.Distortion(decoded, x, new SlotWeights(1));

        Assert.Equal([3, 4], rows.shape);
        Assert.Equal(sums.ToArray<float>(), rows.sum(1).ToArray<float>(), (a, b) => Math.Abs(a - b) <= 1e-4 * Math.Max(1, Math.Abs(a)));
    }

    [Fact]
    public void An_image_of_a_continuous_bernoulli_is_its_mean()
    {
        using var scope = torch.NewDisposeScope();
        var observation = new Observation(Likelihood.ContinuousBernoulli, null);
        double[] parameters = [-30, -2, -0.501, -0.5, -1e-4, 0, 0.2, 0.499, 0.501, 3, 60];

        var means = observation.ToImages(torch.tensor(parameters, [1, 1, parameters.Length])).ToArray<double>();

        for (var i = 0; i < parameters.Length; i++)
        {
            // The mean is the derivative of the log normaliser, here by quadrature of x e^(a x) over e^(a x).
            const int cells = 20_000;
            double weight = 0, moment = 0;
            for (var cell = 0; cell < cells; cell++)
            {
                var x = (cell + 0.5) / cells;
                var density = Math.Exp(parameters[i] * (x - (parameters[i] > 0 ? 1 : 0)));
                (weight, moment) = (weight + density, moment + (x * density));
            }

            Assert.Equal(moment / weight, means[i], 1e-6);
        }
    }

    [Fact]
    public void A_likelihood_with_a_spread_says_when_it_is_missing() => Assert.Throws<ArgumentException>(() => new Observation(Likelihood.DiscretisedLogistic, null));
}
