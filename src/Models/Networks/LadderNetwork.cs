using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// K ladder VAEs (Sonderby et al. 2016, section 2) of L layers of latents z_1 (at the data) to z_L. A deterministic way up gives each layer a feature vector and from it a Gaussian; the way down gives each layer
/// but the top one a Gaussian prior that depends on the layer above. Two dense layers lie between neighbours, each with its activation (ibid., section 3); there is no batch normalisation, which would
/// make a row's loss depend on the other rows of its batch.
/// </summary>
public sealed class LadderNetwork : PackNetwork
{
    private readonly Sequential[] _up;
    private readonly Linear[] _posteriors;
    private readonly Sequential[] _priors;
    private readonly Sequential _decoder;

    // A ladder is never padded: the latent size that others are padded to is one number for all trials of a signature, which nothing here looks at.
    private LadderNetwork(ModelSpec spec, ImageShape image, int replicas, torch.Generator[] generators) : base(image, replicas, spec.Latent)
    {
        Sizes = spec.Ladder;
        var (up, down) = (spec.EncoderWidths, spec.DecoderWidths);
        (_up, _posteriors, _priors) = (new Sequential[Sizes.Count], new Linear[Sizes.Count], new Sequential[Sizes.Count - 1]);
        for (var layer = 0; layer < Sizes.Count; layer++)
        {
            _up[layer] = register_module($"encoder.{layer}", Mapping(layer == 0 ? image.Values : up[layer - 1], up[layer], null));
            _posteriors[layer] = register_module($"posterior.{layer}", Dense(up[layer], 2 * Sizes[layer]));
        }

        for (var layer = Sizes.Count - 2; layer >= 0; layer--)
            _priors[layer] = register_module($"prior.{layer}", Mapping(Sizes[layer + 1], down[Sizes.Count - 2 - layer], 2 * Sizes[layer]));
        _decoder = register_module("decoder", Mapping(Sizes[0], down[^1], image.Values));
        RegisterObservation(spec);

        Sequential Mapping(int inputs, int width, int? outputs)
        {
            List<Module<Tensor, Tensor>> layers = [Dense(inputs, width), VaeNetwork.NewActivation(spec.Activation), Dense(width, width), VaeNetwork.NewActivation(spec.Activation)];
            if (outputs is { } last) layers.Add(Dense(width, last));
            return torch.nn.Sequential([.. layers]);
        }

        Linear Dense(int inputs, int outputs) => torch.nn.Linear(inputs, outputs, replicas: replicas, generators: generators);
    }

    /// <summary>Latents of each layer, data side first.</summary>
    public ValueList<int> Sizes { get; }

    /// <inheritdoc/>
    public override Tensor OutputBias => LastBias(_decoder);

    /// <summary>The network of one trial with the initial weights of its seed.</summary>
    public static LadderNetwork Create(ModelSpec spec, ImageShape image, ulong seed)
    {
        using var generator = new torch.Generator(seed);
        return new LadderNetwork(spec, image, 1, [generator]);
    }

    /// <summary><paramref name="replicas"/> empty places: all weights are 0 until <see cref="PackNetwork.CopyReplica"/> fills them.</summary>
    public static LadderNetwork CreateEmpty(ModelSpec spec, ImageShape image, int replicas) => new(spec, image, replicas, []);

    /// <summary>The way up: for each layer, data side first, [K, n, 2 d_l] with the means and raw log variances that the data suggest.</summary>
    /// <param name="x">[K, n, D], or [1, n, D] for all replicas.</param>
    /// <param name="into">What is returned, one place for each layer; null: a new array.</param>
    public Tensor[] Encode(Tensor x, Tensor[]? into = null)
    {
        var suggested = into ?? new Tensor[Sizes.Count];
        for (var layer = 0; layer < Sizes.Count; layer++)
        {
            x = _up[layer].forward(x);
            suggested[layer] = _posteriors[layer].forward(x);
        }

        return suggested;
    }

    /// <summary>One step down: [K, n, 2 d_l] with means and raw log variances of p(z_l | z_(l+1)).</summary>
    /// <param name="layer">0 (at the data) to L - 2.</param>
    /// <param name="above">z_(l+1), [K, n, d_(l+1)].</param>
    public Tensor PriorOf(int layer, Tensor above) => _priors[layer].forward(above);

    /// <summary>[K, n, d_1] to [K, n, D]: what <see cref="VaeNetwork.Decode"/> returns.</summary>
    public Tensor Decode(Tensor z) => _decoder.forward(z);
}
