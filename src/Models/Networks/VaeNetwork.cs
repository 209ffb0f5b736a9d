using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>The geometry of one image.</summary>
/// <param name="Channels">1 for grey, 3 for colour.</param>
/// <param name="Height">Pixels from top to bottom.</param>
/// <param name="Width">Pixels from left to right.</param>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>Values of one image.</summary>
    public int Values => Channels * Height * Width;
}

/// <summary>
/// Encoder and decoder of K variational autoencoders of one shape. Every tensor has the leading replica dimension K; K = 1 is an
/// ordinary model and takes the plain matrix products. n is the number of rows, D the values of an image, d the latent size.
/// </summary>
public abstract class VaeNetwork : PackNetwork
{
    private LabelledStack? _labelledEncoder;
    private LabelledStack? _labelledDecoder;
    private Linear? _encoderLabel;
    private Tensor? _oneHot;

    private protected VaeNetwork(ModelSpec spec, ImageShape image, int replicas) : base(image, replicas, spec.Latent) => RegisterObservation(spec);

    /// <summary>The VampPrior's pseudo-inputs, [K, P, D]; null with the standard normal prior.</summary>
    public Tensor? PseudoInputs { get; private set; }

    /// <summary>Of FactorVAE in training; null otherwise.</summary>
    public Discriminator? Discriminator { get; private set; }

    /// <summary>Where the latent size shows: its outputs are means, then raw log variances.</summary>
    private protected abstract Linear PosteriorLayer { get; }

    /// <summary>Where the latent size shows again: its inputs are the sample.</summary>
    private protected abstract Linear DecoderInput { get; }

    /// <summary>Labels that a conditional or M2 model tells apart; 0 for a model that takes none.</summary>
    public int Classes { get; private set; }

    /// <summary>q(y|x) of M2; null for other families.</summary>
    public Classifier? Classifier { get; private set; }

    /// <summary>The encoder's dense layers: behind the convolutions, where there are any. A label enters at the first.</summary>
    private protected abstract ReadOnlySpan<Module<Tensor, Tensor>> EncoderLayers { get; }

    /// <summary>The decoder's dense layers: before the convolutions, where there are any. A label enters at the first.</summary>
    private protected abstract ReadOnlySpan<Module<Tensor, Tensor>> DecoderLayers { get; }

    /// <summary>
    /// [K, n, D], or [1, n, D] for all replicas, to [K, n, 2d]: posterior means, then raw log variances (see <see cref="Fused.gaussian_posterior"/>). A model with <see cref="Classes"/> takes the labels of
    /// the rows from <see cref="Under"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The model takes labels and has none.</exception>
    public Tensor Encode(Tensor x) => _labelledEncoder is null ? EncodeAlone(x) : _labelledEncoder.Forward(Features(x), OneHot(x.size(1)));

    /// <summary>
    /// [K, n, d] to [K, n, D]: logits of the (continuous) Bernoulli likelihood, or means of the Gaussian or logistic one. A model with <see cref="Classes"/> takes the labels from <see cref="Under"/>; where
    /// there are s samples for each label, they follow each other.
    /// </summary>
    /// <exception cref="InvalidOperationException">The model takes labels and has none.</exception>
    public Tensor Decode(Tensor z) => _labelledDecoder is null ? DecodeAlone(z) : Paint(_labelledDecoder.Forward(z, OneHot(z.size(1))));

    /// <summary>[K, n, D], or [1, n, D] for all replicas, to [K, n, C]: the logits of q(y|x) of M2.</summary>
    public Tensor Classify(Tensor x) => (Classifier ?? throw new InvalidOperationException("The model has no classifier.")).forward(x);

    /// <summary>[K, n, D] to [K, n C, 2d]: what <see cref="Encode"/> says of each row under every label, those of a row one after the other.</summary>
    /// <param name="x">[K, n, D], or [1, n, D] for all replicas.</param>
    /// <param name="rows">Int32 [K]: rows of the result that count in a training step; null: all.</param>
    public Tensor EncodeEachClass(Tensor x, Tensor? rows = null) => Labelled(_labelledEncoder).ForEachClass(Features(x), rows);

    /// <summary>[K, n C, d], one latent for each row and label, to [K, n C, D].</summary>
    public Tensor DecodeEachClass(Tensor z) => Paint(Labelled(_labelledDecoder).OfEachClass(z));

    /// <summary>Says which labels the rows have that <see cref="Encode"/> and <see cref="Decode"/> get until the result is disposed. Does nothing to a model that takes none.</summary>
    /// <param name="labels">Int64 [K, n], or [1, n] for all replicas: 0 to <see cref="Classes"/> - 1; -1 for a row without one.</param>
    public LabelScope Under(Tensor? labels)
    {
        if (Classes > 0 && labels is not null) _oneHot = OneHotOf(labels);
        return new LabelScope(this);
    }

    /// <summary>[K, n] to [K, n, C]: 1 at the label, 0 elsewhere; all 0 for a label that is none.</summary>
    internal Tensor OneHotOf(Tensor labels) => labels.unsqueeze(2).eq(torch.arange(Classes, ScalarType.Int64, labels.device)).to(_encoderLabel!.weight.dtype);

    /// <summary>Builds the network of <paramref name="spec"/> with freshly initialised weights.</summary>
    /// <param name="spec">One shape for all replicas.</param>
    /// <param name="image">What one row is.</param>
    /// <param name="seeds">One seed per replica: a replica starts from the same weights as the same trial trained alone.</param>
    /// <param name="training">How they are trained, for what only that needs; null: they are not.</param>
    public static VaeNetwork Create(ModelSpec spec, ImageShape image, IReadOnlyList<ulong> seeds, TrainingSpec? training = null)
    {
        var generators = seeds.Select(seed => new torch.Generator(seed)).ToArray();
        try
        {
            return Create(spec, training, image, seeds.Count, generators);
        }
        finally
        {
            foreach (var generator in generators) generator.Dispose();
        }
    }

    /// <summary>Builds <paramref name="replicas"/> empty places: all weights are 0 until <see cref="CopyReplica"/> fills them.</summary>
    public static VaeNetwork CreateEmpty(ModelSpec spec, ImageShape image, int replicas, TrainingSpec? training = null) => Create(spec, training, image, replicas, []);

    private static VaeNetwork Create(ModelSpec spec, TrainingSpec? training, ImageShape image, int replicas, torch.Generator[] generators)
    {
        VaeNetwork network = spec.Architecture switch
        {
            Architecture.Mlp => new MlpVae(spec, image, replicas, generators),
            Architecture.Conv or Architecture.Resnet => new ConvVae(spec, image, replicas, generators),
            _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Architecture, "Unknown architecture."),
        };
        if (spec.Prior == Prior.Vamp) network.AddPseudoInputs(spec.PseudoInputs, generators);
        if (spec.Family is ModelFamily.Conditional or ModelFamily.M2) network.AddLabels(spec, generators);
        if (training?.Objective == TrainingObjective.Factor)
            network.Discriminator = network.RegisterAuxiliary("discriminator", new Discriminator(spec.Latent, training, replicas, generators));
        return network;
    }

    // After all else: the other weights are then those that the same seed gives a model without labels.
    private void AddLabels(ModelSpec spec, torch.Generator[] generators)
    {
        Classes = spec.Classes ?? throw new ArgumentException($"A model of the family {spec.Family} has a number of classes.", nameof(spec));
        _encoderLabel = register_module("encoder_label", Label((Linear)EncoderLayers[0]));
        _labelledEncoder = new LabelledStack(_encoderLabel, EncoderLayers);
        _labelledDecoder = new LabelledStack(register_module("decoder_label", Label((Linear)DecoderLayers[0])), DecoderLayers);
        if (spec.Family == ModelFamily.M2) Classifier = register_module("classifier", new Classifier(spec, Image, Classes, Replicas, generators));

        Linear Label(Linear first) => torch.nn.Linear(Classes, first.out_features, hasBias: false, Replicas, generators);
    }

    // Nearly black, as the authors' code begins.
    private void AddPseudoInputs(int count, torch.Generator[] generators)
    {
        var pixels = torch.zeros([Replicas, count, Image.Values]);
        if (generators.Length > 0) torch.nn.init.normal_(pixels, mean: 0.05, std: 0.01, generators);
        PseudoInputs = register_parameter("pseudo_inputs", pixels);
    }

    /// <inheritdoc/>
    public override LatentAxis LatentAxisOf(Tensor parameter) =>
        ReferenceEquals(parameter, DecoderInput.weight) || ReferenceEquals(parameter, Discriminator?.Input) ? LatentAxis.Columns
        : ReferenceEquals(parameter, PosteriorLayer.weight) || ReferenceEquals(parameter, PosteriorLayer.bias) ? LatentAxis.HalvesOfRows
        : ReferenceEquals(parameter, _encoderLabel?.weight) && ReferenceEquals(EncoderLayers[0], PosteriorLayer) ? LatentAxis.HalvesOfRows
        : LatentAxis.None;

    private protected abstract Tensor EncodeAlone(Tensor x);

    private protected abstract Tensor DecodeAlone(Tensor z);

    /// <summary>What the encoder's dense layers get of [K, n, D] or [1, n, D].</summary>
    private protected abstract Tensor Features(Tensor x);

    /// <summary>[K, n, D] of what the decoder's dense layers give.</summary>
    private protected abstract Tensor Paint(Tensor rows);

    // Labels of rows that have s samples each are repeated.
    private Tensor OneHot(long rows)
    {
        if (_oneHot is null) throw new InvalidOperationException("The model takes the label of each row, and none are given.");
        var (replicas, labels, classes) = (_oneHot.size(0), _oneHot.size(1), _oneHot.size(2));
        return rows == labels ? _oneHot : _oneHot.unsqueeze(2).expand(replicas, labels, rows / labels, classes).reshape(replicas, rows, classes);
    }

    /// <summary>The layers of a stack, one by one.</summary>
    private protected static IEnumerable<Module<Tensor, Tensor>> Layers(Sequential stack) => stack.named_children().Select(child => (Module<Tensor, Tensor>)child.module);

    private static LabelledStack Labelled(LabelledStack? stack) => stack ?? throw new InvalidOperationException("The model takes no labels.");

    /// <summary>Takes the labels away again when disposed.</summary>
    public readonly ref struct LabelScope(VaeNetwork network) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => network._oneHot = null;
    }

    // Rows that all replicas share are there once.
    private protected Tensor Spread(Tensor x) => x.size(0) == Replicas ? x : x.expand(Replicas, x.size(1), x.size(2));

    /// <summary>The nonlinearity of hidden layers.</summary>
    internal static Module<Tensor, Tensor> NewActivation(Shared.Sweeps.Activation activation) => activation switch
    {
        Shared.Sweeps.Activation.Relu => torch.nn.ReLU(),
        Shared.Sweeps.Activation.Tanh => torch.nn.Tanh(),
        Shared.Sweeps.Activation.Gelu => torch.nn.GELU(),
        Shared.Sweeps.Activation.Silu => torch.nn.SiLU(),
        Shared.Sweeps.Activation.LeakyRelu => torch.nn.LeakyReLU(),
        Shared.Sweeps.Activation.Elu => torch.nn.ELU(),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation."),
    };
}
