using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>q(y|x) of M2: a network of its own with the layers of the encoder, and one logit for each class at its end.</summary>
public sealed class Classifier : Module<Tensor, Tensor>
{
    private readonly int _replicas;
    private readonly Sequential? _features;
    private readonly DenseStack _dense;

    internal Classifier(ModelSpec spec, ImageShape image, int classes, int replicas, torch.Generator[] generators)
    {
        (Image, _replicas) = (image, replicas);
        Sequential hidden;
        int width;
        if (spec.Architecture == Architecture.Mlp)
        {
            (hidden, width) = MlpVae.Stack(image.Values, spec.EncoderWidths.Span, spec.Activation, replicas, generators);
            _ = register_module("layers", hidden);
        }
        else
        {
            var stacks = new ConvolutionStacks(spec, image, replicas, generators);
            _features = register_module("features", stacks.Encoder());
            width = spec.Hidden;
            hidden = register_module("head", torch.nn.Sequential(torch.nn.Linear(stacks.Bottom.Values, width, replicas: replicas, generators: generators), VaeNetwork.NewActivation(spec.Activation)));
        }

        _dense = new DenseStack(hidden, register_module("output", torch.nn.Linear(width, classes, replicas: replicas, generators: generators)));
    }

    /// <summary>What one row is.</summary>
    internal ImageShape Image { get; }

    /// <summary>Whether convolutions come before the dense layers.</summary>
    internal bool HasConvolutions => _features is not null;

    /// <summary>[K, n, D], or [1, n, D] for all replicas, to logits [K, n, C].</summary>
    public override Tensor forward(Tensor input) =>
        _dense.forward(_features is null ? input : _features.forward(ConvolutionStacks.ToChannels(input.expand(_replicas, input.size(1), input.size(2)), Image)).flatten(2));
}
