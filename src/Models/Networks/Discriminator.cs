using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>Tells latents from shuffled ones: linear layers with leaky ReLU 0.2 between them and two logits at the end (Kim and Mnih 2018, appendix A). Only training needs it.</summary>
public sealed class Discriminator : Module<Tensor, Tensor>
{
    private const double Slope = 0.2;
    private const int Logits = 2;

    private readonly List<Linear> _layers = [];
    private readonly DenseStack _stack;

    internal Discriminator(int latent, TrainingSpec training, int replicas, torch.Generator[] generators)
    {
        var modules = new List<Module<Tensor, Tensor>>();
        for (var layer = 0; layer < training.DiscriminatorLayers; layer++)
        {
            var isLast = layer + 1 == training.DiscriminatorLayers;
            var linear = torch.nn.Linear(layer == 0 ? latent : training.DiscriminatorWidth, isLast ? Logits : training.DiscriminatorWidth, replicas: replicas, generators: generators);
            _layers.Add(linear);
            modules.Add(linear);
            if (!isLast) modules.Add(torch.nn.LeakyReLU(Slope));
        }

        var layers = register_module("layers", torch.nn.Sequential([.. modules]));
        _stack = new DenseStack(layers);
    }

    /// <summary>The weight whose columns are the latent dimensions.</summary>
    public Tensor Input => _layers[0].weight;

    /// <summary>[K, n, d] to logits [K, n, 2]: as it is, shuffled. With a gradient to the weights.</summary>
    public override Tensor forward(Tensor input) => _stack.forward(input);

    /// <summary>The same with a gradient to the latents alone.</summary>
    public Tensor Frozen(Tensor z)
    {
        for (var layer = 0; layer < _layers.Count; layer++)
        {
            z = torch.nn.functional.linear(z, _layers[layer].weight.detach(), _layers[layer].bias!.detach());
            if (layer + 1 < _layers.Count) z = z.leaky_relu(Slope);
        }

        return z;
    }
}
