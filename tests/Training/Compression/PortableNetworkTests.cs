using System.Text;
using Vae.Models.Compression;
using Vae.Models.Files;
using Vae.Models.Networks;
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
            return kinds;
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_coding_network_computes_what_the_trained_one_does(Architecture architecture, Activation activation)
    {
        var image = architecture == Architecture.Conv ? new ImageShape(2, 8, 12) : new ImageShape(1, 7, 9);
        var spec = new ModelSpec { Architecture = architecture, Activation = activation, Encoder = [40, 33], Channels = [5, 9], Hidden = 21, Latent = 6 };
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
