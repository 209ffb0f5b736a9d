using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// K models of one shape, whatever their family. Every tensor has the leading replica dimension K; K = 1 is an ordinary model. What a pack does with a network, it does
/// through this: fill a place, take a model out, cut a smaller latent out of the padding.
/// <para>A family's network registers its weights with <see cref="Module.register_parameter"/> and what training changes without a gradient (averages of a codebook) with
/// <see cref="Module.register_state"/>: both then travel with snapshots, checkpoints, state transfer and model files.</para>
/// </summary>
public abstract class PackNetwork : Module
{
    // A standard deviation of a quarter: as wide as pixels are before anything is known of the image.
    private const double LogScaleAtStart = -2;

    private readonly List<string> _auxiliaries = [];

    private protected PackNetwork(ImageShape image, int replicas, int latent) => (Image, Replicas, Latent) = (image, replicas, latent);

    /// <summary>Replicas K.</summary>
    public int Replicas { get; }

    /// <summary>Latent size d: what smaller models of a pack are padded to. Families that are never padded have one number for all.</summary>
    public int Latent { get; }

    /// <summary>What one row is.</summary>
    public ImageShape Image { get; }

    /// <summary>Log variance of the Gaussian likelihood, [K]: learned, or fixed by the model's spec. Null for other likelihoods.</summary>
    public Tensor? ObservationLogVariance { get; private set; }

    /// <summary>Log scale of the discretised logistic likelihood, [K], learned. Null for other likelihoods.</summary>
    public Tensor? ObservationLogScale { get; private set; }

    /// <summary>The bias that ends the decoder: [K, D], or [K, C] where a convolution does.</summary>
    public abstract Tensor OutputBias { get; }

    /// <summary>Where the latent size shows in one of <see cref="Module.parameters"/>: what has to be cut for a smaller latent.</summary>
    public virtual LatentAxis LatentAxisOf(Tensor parameter) => LatentAxis.None;

    /// <summary>Whether a parameter belongs to what only training needs, such as a discriminator: it has its own optimizer numbers and is in no model file.</summary>
    /// <param name="name">As in <see cref="Module.named_parameters"/>.</param>
    public bool IsAuxiliary(string name) => _auxiliaries.Exists(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>What a model file holds: <see cref="Module.state_dict"/> without what only training needs.</summary>
    public IEnumerable<(string name, Tensor tensor)> ModelTensors() => state_dict().Where(entry => !IsAuxiliary(entry.name));

    /// <summary>Trainable parameters of one replica of a smaller latent size, without the padding and without what only training needs.</summary>
    public long ParametersOf(int latent)
    {
        var count = 0L;
        foreach (var (name, parameter) in named_parameters())
        {
            if (IsAuxiliary(name)) continue;
            var own = parameter.numel() / Replicas;
            count += LatentAxisOf(parameter) == LatentAxis.None ? own : own / Latent * latent;
        }

        return count;
    }

    /// <summary>
    /// Copies the weights of one replica into a place of another network of the same shape, whatever the devices. The latent sizes may differ: a smaller model is
    /// padded with zeros, of a larger one the first dimensions are taken. Padded weights stay 0 in training, because a masked dimension has no gradient.
    /// What only training needs is copied where the source has it.
    /// </summary>
    /// <exception cref="ArgumentException">The source lacks a tensor; the message names it.</exception>
    /// <exception cref="TorchException">The shapes differ in more than the latent size.</exception>
    public static void CopyReplica(PackNetwork source, int from, PackNetwork target, int to)
    {
        using var mode = torch.no_grad();
        var size = Math.Min(source.Latent, target.Latent);
        var known = source.state_dict().ToDictionary(static entry => entry.name, static entry => entry.tensor, StringComparer.Ordinal);
        foreach (var (name, want) in target.state_dict())
        {
            if (!known.TryGetValue(name, out var have))
                throw new ArgumentException($"The model to copy has no tensor '{name}'.", nameof(source));
            using var scope = torch.NewDisposeScope();
            var (one, place) = (have.select(0, from), want.select(0, to));
            var axis = source.Latent == target.Latent ? LatentAxis.None : target.LatentAxisOf(want);
            if (axis == LatentAxis.None) place.copy_(one);
            else if (axis == LatentAxis.Columns) CopyDimensions(one, place, 1, size);
            else CopyDimensions(Halves(one), Halves(place), 1, size);
        }
    }

    /// <summary>Sets all weights and state of one replica to 0: an empty place computes finite numbers, which nobody looks at.</summary>
    public void ClearReplica(int replica)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        foreach (var parameter in parameters()) parameter.select(0, replica).zero_();
        foreach (var (_, state) in named_states()) state.select(0, replica).zero_();
    }

    /// <summary>Lets <paramref name="view"/>, a network of one replica, share the weights of replica <paramref name="replica"/> of <paramref name="pack"/>.</summary>
    internal static void Share(PackNetwork pack, int replica, PackNetwork view)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var shared = pack.state_dict().ToDictionary(static entry => entry.name, static entry => entry.tensor, StringComparer.Ordinal);
        foreach (var (name, own) in view.state_dict()) own.set_data(shared[name].detach().narrow(0, replica, 1));
    }

    /// <summary>Registers a module that only training needs. After all others: its parameters are then the last ones.</summary>
    private protected T RegisterAuxiliary<T>(string name, T module) where T : Module
    {
        _auxiliaries.Add(name + ".");
        return register_module(name, module);
    }

    /// <summary>Registers what the likelihood of the spec has beside the decoder's output.</summary>
    private protected void RegisterObservation(ModelSpec spec)
    {
        if (spec.Likelihood == Likelihood.DiscretisedLogistic) ObservationLogScale = register_parameter("observation_log_scale", torch.full([Replicas], LogScaleAtStart));
        if (spec.Likelihood != Likelihood.Gaussian) return;
        const string name = "observation_log_variance";
        ObservationLogVariance = spec.Variance is { } given ? register_buffer(name, torch.full([Replicas], Math.Log(given))) : register_parameter(name, torch.zeros([Replicas]));
    }

    /// <summary>The bias of a stack's last layer.</summary>
    private protected static Tensor LastBias(Sequential stack) => stack.named_children()[^1].module switch
    {
        Linear linear => linear.bias!,
        ConvTranspose2d convolution => convolution.bias!,
        var other => throw new ArgumentException($"A decoder ends in a linear layer or a transposed convolution, not in {other}.", nameof(stack)),
    };

    // [2d, ...] as [2, d, ...]: means and log variances are cut apart.
    private static Tensor Halves(Tensor rows) => rows.dim() == 1 ? rows.view(2, -1) : rows.view(2, rows.size(0) / 2, rows.size(1));

    private static void CopyDimensions(Tensor source, Tensor target, long dimension, long size)
    {
        if (target.size(dimension) > size) target.zero_();
        target.narrow(dimension, 0, size).copy_(source.narrow(dimension, 0, size));
    }
}
