using System.Text;
using Vae.Models.Compression;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Activation = Vae.Shared.Sweeps.Activation;

namespace Vae.Tests.Training.Compression;

/// <summary>The arithmetic that codes images is our own; the model is the one that libtorch trained.</summary>
public sealed class PortableNetworkTests : TorchTest
{
    private const double LogVarianceMin = -12, LogVarianceMax = 8;

    public static TheoryData<Architecture, Activation> Kinds
    {
        get
        {
            var kinds = new TheoryData<Architecture, Activation>();
            foreach (var activation in Enum.GetValues<Activation>()) kinds.Add(Architecture.Mlp, activation);
            kinds.Add(Architecture.Conv, Activation.Relu);
            kinds.Add(Architecture.Conv, Activation.Gelu);
            kinds.Add(Architecture.Resnet, Activation.Relu);
            kinds.Add(Architecture.Resnet, Activation.Silu);
            return kinds;
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_coding_network_computes_what_the_trained_one_does(Architecture architecture, Activation activation)
    {
        var image = architecture == Architecture.Mlp ? new ImageShape(1, 7, 9) : new ImageShape(2, 8, 12);
        var spec = new ModelSpec { Architecture = architecture, Activation = activation, Encoder = [40, 33], Channels = [6, 9], Groups = 3, Hidden = 21, Latent = 6 };
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var network = VaeNetwork.Create(spec, image, [11UL]);
        var coding = Save(network, spec, image).CreateNetwork();
        var (mean, deviation) = (new double[spec.Latent], new double[spec.Latent]);
        var parameters = new float[image.Values];

        for (var row = 0; row < 5; row++)
        {
            var x = torch.rand([1, 1, image.Values]).gt(0.6).to(ScalarType.Float32);
            var z = torch.randn([1, 1, spec.Latent]);
            var hidden = network.Encode(x).ToArray<float>();
            coding.Posterior(x.ToArray<float>().Select(value => (byte)value).ToArray(), mean, deviation);
            coding.Likelihood(z.ToArray<float>(), parameters);

            for (var j = 0; j < spec.Latent; j++)
            {
                Assert.Equal(hidden[j], mean[j], 1e-5);
                Assert.Equal(Math.Exp(0.5 * Clamped(hidden[spec.Latent + j])), deviation[j], 1e-5);
            }

            foreach (var (theirs, ours) in network.Decode(z).ToArray<float>().Zip(parameters)) Assert.Equal(theirs, ours, 1e-5f);
        }
    }

    [Theory, InlineData(Architecture.Mlp), InlineData(Architecture.Resnet)]
    public void A_model_of_levels_codes_by_the_bytes_that_it_was_trained_on_and_by_its_own_likelihood(Architecture architecture)
    {
        var image = new ImageShape(3, 8, 8);
        var spec = new ModelSpec { Architecture = architecture, Likelihood = Likelihood.DiscretisedLogistic, Encoder = [40, 33], Channels = [6, 9], Groups = 3, Hidden = 21, Latent = 6 };
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var network = VaeNetwork.Create(spec, image, [11UL]);
        network.ObservationLogScale!.fill_(-3.5);
        var model = Save(network, spec, image);
        var coding = model.CreateNetwork();
        var observations = model.CreateObservations(24);
        var (mean, deviation) = (new double[spec.Latent], new double[spec.Latent]);
        var parameters = new float[image.Values];
        var random = new Prng(5);

        for (var row = 0; row < 5; row++)
        {
            var bytes = Enumerable.Range(0, image.Values).Select(i => i < 2 ? (byte)(255 * i) : (byte)random.NextBelow(256)).ToArray(); // Both ends, which are levels of their own kind.
            var x = torch.tensor(bytes.Select(value => value / 255f).ToArray(), [1, 1, image.Values]);
            var z = torch.randn([1, 1, spec.Latent]);
            coding.Posterior(bytes, mean, deviation);
            coding.Likelihood(z.ToArray<float>(), parameters);
            var hidden = network.Encode(x).ToArray<float>();
            var decoded = network.Decode(z);

            for (var j = 0; j < spec.Latent; j++) Assert.Equal(hidden[j], mean[j], 1e-5);
            foreach (var (theirs, ours) in decoded.ToArray<float>().Zip(parameters)) Assert.Equal(theirs, ours, 1e-5f);
            var nats = Fused.discretised_logistic_nll(decoded, x, network.ObservationLogScale!).ToArray<float>()[0];
            Assert.Equal(nats, observations.Nats(parameters, bytes), 2e-4 * nats);
        }
    }

    // The clamp of docs/models.md, written down again.
    private static double Clamped(double raw) => LogVarianceMax - Softplus(LogVarianceMax - (LogVarianceMin + Softplus(raw - LogVarianceMin)));

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static CodingModel Save(VaeNetwork network, ModelSpec spec, ImageShape image)
    {
        var folder = Directory.CreateTempSubdirectory("vae-coding-");
        try
        {
            var config = new ModelConfig(new TrialSpec { Index = 0, Model = spec, Training = new TrainingSpec() }, null, image, null, null);
            using (var file = File.Create(Path.Combine(folder.FullName, TrainedModel.FileName))) TrainedModel.Write(file, network, 0, config);
            File.WriteAllBytes(Path.Combine(folder.FullName, ModelConfig.FileName), Encoding.UTF8.GetBytes(config.Write()));
            return CodingModel.Load(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
