using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Applications;

/// <summary>A small model with fresh weights.</summary>
internal static class TestModel
{
    public static ImageShape Image { get; } = new(1, 8, 8);

    public static ModelSpec Spec(Architecture architecture = Architecture.Mlp, Likelihood likelihood = Likelihood.Bernoulli, int latent = 3) =>
        new() { Architecture = architecture, Likelihood = likelihood, Latent = latent, Encoder = [16], Channels = [4, 8], Hidden = 16 };

    public static VaeNetwork Network(ModelSpec spec, ulong seed = 5) => VaeNetwork.Create(spec, Image, [seed]);

    public static LatentModel Of(VaeNetwork network, ModelSpec spec) => LatentModel.Of(network, spec);

    /// <summary>[count, 1, 8, 8], grey.</summary>
    public static float[] Images(int count)
    {
        using var scope = torch.NewDisposeScope();
        return torch.rand([count, Image.Values]).ToArray<float>();
    }
}
