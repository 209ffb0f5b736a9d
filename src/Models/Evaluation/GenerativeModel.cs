using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// What pictures and artifacts ask of one trained model, whatever its family: new images, and what it makes of given ones. A family with continuous latents is a <see cref="LatentModel"/>, which the
/// other applications need. Everything here works without gradients.
/// </summary>
public abstract class GenerativeModel
{
    /// <summary>What one row is.</summary>
    public abstract ImageShape Image { get; }

    /// <summary>Where its tensors are.</summary>
    public abstract torch.Device Device { get; }

    /// <summary>Classes that it draws from; 0: it takes no label.</summary>
    public virtual int Classes => 0;

    /// <summary>New images: probabilities or means, not sampled pixels. A model with classes draws image i from class i modulo the classes.</summary>
    /// <param name="count">Images, 1 or more.</param>
    /// <param name="seed">The same seed gives the same images, however many follow.</param>
    /// <returns>[count, C, H, W], 0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No image is wanted.</exception>
    public abstract float[] Generate(int count, ulong seed);

    /// <summary>What the model makes of images: probabilities or means, from the posterior means or the nearest codes.</summary>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <param name="labels">[n]; empty where there are none. Models without classes do not look at them.</param>
    /// <returns>[n, C, H, W], 0 to 1.</returns>
    /// <exception cref="ArgumentException">The values are no whole number of images, or the model needs labels.</exception>
    public abstract float[] Reconstruct(ReadOnlySpan<float> images, ReadOnlySpan<int> labels = default);

    /// <summary>The model of a network with one replica. A family plugs in here.</summary>
    /// <param name="network">Stays the caller's.</param>
    /// <param name="spec">Its shape and likelihood.</param>
    /// <exception cref="ArgumentException">The network has more than one replica, or a family that is unknown.</exception>
    public static GenerativeModel Of(PackNetwork network, ModelSpec spec) => network switch
    {
        VaeNetwork { Classes: > 0 } labelled => new LabelledLatentModel(labelled, spec),
        VaeNetwork vae => spec.Prior == Prior.Vamp ? new VampLatentModel(vae, spec) : new VaeLatentModel(vae, spec),
        LadderNetwork ladder => new LadderLatentModel(ladder, spec),
        VqNetwork vq => new CodeModel(vq, spec),
        _ => throw new ArgumentException($"Models of the family {spec.Family} are unknown.", nameof(network)),
    };
}
