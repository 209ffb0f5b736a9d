using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>What the size of a model and of an epoch follows from.</summary>
/// <param name="TrainRows">Rows of an epoch, at least 1.</param>
/// <param name="Channels">1 for grey, 3 for colour.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Width">Pixels.</param>
/// <param name="HeldOut">Rows beyond these that are never trained on; they take up memory and nothing else.</param>
public readonly record struct DataShape(int TrainRows, int Channels, int Height, int Width, int HeldOut = 0)
{
    public int Rows => TrainRows + HeldOut;

    public int Values => Channels * Height * Width;

    public static DataShape Of(DatasetManifest manifest) => new(manifest.TrainRows, manifest.Channels, manifest.Height, manifest.Width, manifest.HeldOut + manifest.Excluded);

    /// <summary>The shape of data that the program makes itself, known before it is made; null for data that must be read first, if only to see which rows are left out.</summary>
    public static DataShape? Known(DatasetSource source) =>
        source is { Source: DatasetSource.Sprites, ExcludeLabels: [] } ? new(source.Count - source.HeldOutOf(source.Count), 1, source.Size, source.Size, source.HeldOutOf(source.Count)) : null;
}

/// <summary>Parameters and activations of a model, from its shapes alone.</summary>
public static class ModelSize
{
    private const int Kernel = 4 * 4;
    private const int BlockKernel = 3 * 3;

    /// <summary>
    /// Exact number of trained values. A dense layer n to m has (n + 1) m, a convolution c to d has (16 c + 1) d. The encoder ends in two dense
    /// heads (mean, log variance) of the latent size; a residual block on c channels is two convolutions (9 c + 1) c and two normalisations 2 c; a learned
    /// Gaussian variance or logistic scale adds one, a vamp prior its pseudo-inputs. A vq model has a head to and one from the numbers of its codes in their place, and its prior; its codebook is not
    /// trained by a gradient and not counted. What a label adds to a dense layer of m outputs is classes times m, in encoder and decoder; m2 has a second encoder that ends in the classes.
    /// </summary>
    public static long Parameters(ModelSpec model, DataShape data)
    {
        long count = model is { Likelihood: Likelihood.Gaussian, Variance: null } or { Likelihood: Likelihood.DiscretisedLogistic } ? 1 : 0;
        if (model.Prior == Prior.Vamp) count += (long)model.PseudoInputs * data.Values;
        if (model.Family == ModelFamily.Vq) count += (long)model.CodePositions(data.Height, data.Width) * model.CodePriorWidth;
        foreach (var (inputs, outputs, weightsPerPair, _) in Layers(model, data)) count += ((long)inputs * weightsPerPair + 1) * outputs;
        return count;
    }

    /// <summary>
    /// Values that one row's forward pass leaves behind: the outputs of all layers, and for activations whose gradient needs what went in, that as well.
    /// </summary>
    public static long ActivationsPerRow(ModelSpec model, DataShape data)
    {
        long count = data.Values + LatentValues(model, data); // The input, and mean, log variance and sample are all kept.
        foreach (var (_, outputs, _, pixels) in Layers(model, data)) count += (long)outputs * pixels;
        if (model.Activation is not (Activation.Relu or Activation.Tanh)) count += count - (2 * data.Values) - (5L * model.Latent); // All but the ends, which have no activation.
        return count;
    }

    // A ladder's layers are merged operation by operation, each of which leaves its result behind. Of each position of a vq model: its vector, its code's, both differences and the square of one.
    private static long LatentValues(ModelSpec model, DataShape data) => model.Family switch
    {
        ModelFamily.Ladder => 24L * model.Ladder.Sum(),
        ModelFamily.Vq => 5L * model.CodePositions(data.Height, data.Width) * model.CodeSize,
        _ => 3L * model.Latent,
    };

    /// <summary>Multiplications by a weight in one row's forward pass.</summary>
    public static long WeightUsesPerRow(ModelSpec model, DataShape data)
    {
        long count = 0;
        foreach (var layer in Layers(model, data)) count += layer.WeightUses;
        if (model is { Family: ModelFamily.M2, Classes: > 1 and var classes }) foreach (var layer in BehindLabel(model, data).Skip(1)) count += (classes - 1) * layer.WeightUses;
        if (model.Family == ModelFamily.Vq) count += (long)model.CodePositions(data.Height, data.Width) * model.Codes * model.CodeSize;
        return count;
    }

    /// <summary>Weights of the largest convolution, without its bias; 0 where there is none.</summary>
    public static long LargestConvolution(ModelSpec model, DataShape data) =>
        Layers(model, data).Where(layer => layer.WeightsPerPair > 1).Select(layer => (long)layer.Inputs * layer.Outputs * layer.WeightsPerPair).DefaultIfEmpty().Max();

    /// <summary>Layers with weights.</summary>
    public static int LayerCount(ModelSpec model, DataShape data) => Layers(model, data).Count();

    /// <summary>
    /// Bytes of one replica in training: 4 bytes x (4 x parameters + 4 x rows x activations per row). Four copies of the parameters: weights,
    /// gradient, two moments of Adam. Activations count four times: before and after the nonlinearity, and the gradient of each.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Its images.</param>
    /// <param name="rows">Rows of one step on one worker.</param>
    public static long TrainingBytes(ModelSpec model, DataShape data, int rows) =>
        4L * ((4 * Parameters(model, data)) + (4 * rows * ActivationsPerRow(model, data)));

    /// <returns>Why the model cannot take images of this size; null when it can.</returns>
    public static string? Misfit(ModelSpec model, DataShape data)
    {
        if (model.Architecture == Architecture.Mlp) return null;
        var halvings = model.ChannelsFor(Math.Max(data.Height, data.Width)).Count;
        var divisor = 1 << halvings;
        return data.Height % divisor == 0 && data.Width % divisor == 0
            ? null
            : $"{halvings} convolutions of stride 2 need sides divisible by {divisor}, but images are {data.Width} x {data.Height}";
    }

    /// <returns>Why the model cannot take rows with these labels; null when it can.</returns>
    /// <param name="model">The model.</param>
    /// <param name="classes">One more than the largest label of the data; 0 where rows have none.</param>
    public static string? LabelMisfit(ModelSpec model, int classes) => model.Family is not (ModelFamily.Conditional or ModelFamily.M2) ? null
        : classes == 0 ? "the model needs the label of each row, but the data set has none"
        : model.Classes is { } known && classes > known ? $"the data set has labels from 0 to {classes - 1}, but model.classes is {known}; set it to {classes}"
        : null;

    /// <summary>One layer: <paramref name="Outputs"/> channels of <paramref name="Pixels"/> pixels, each from <paramref name="WeightsPerPair"/> weights of each input.</summary>
    internal readonly record struct Layer(int Inputs, int Outputs, int WeightsPerPair, int Pixels)
    {
        public bool IsNorm { get; init; }

        /// <summary>Values of one row.</summary>
        public long Values => (long)Outputs * Pixels;

        public long WeightUses => (long)Inputs * WeightsPerPair * Outputs * Pixels;
    }

    internal static IEnumerable<Layer> Layers(ModelSpec model, DataShape data)
    {
        if (model.Family == ModelFamily.Ladder) return Ladder(model, data);
        var network = Plain(model, data);
        return model.Family switch
        {
            ModelFamily.Vq => network.Concat(CodePrior(model, data)),
            ModelFamily.Conditional or ModelFamily.M2 => network.Concat(Labelled(model, data)),
            _ => network,
        };
    }

    /// <summary>Encoder and decoder, data side first, without what a label or a prior over codes adds. Not of a ladder.</summary>
    internal static IEnumerable<Layer> Plain(ModelSpec model, DataShape data) => model.Architecture == Architecture.Mlp ? Mlp(model, data) : Conv(model, data);

    // A label has no bias of its own, so one input fewer counts the same.
    private static IEnumerable<Layer> Labelled(ModelSpec model, DataShape data)
    {
        var (layers, head, classes) = (Plain(model, data).ToArray(), Head(model, data), model.Classes ?? 0);
        yield return new(classes - 1, BehindLabel(model, data).First().Outputs, 1, 1);
        yield return new(classes - 1, layers[head + 1].Outputs, 1, 1);
        if (model.Family != ModelFamily.M2) yield break;
        foreach (var layer in layers[..head]) yield return layer;
        yield return new(layers[head].Inputs, classes, 1, 1);
    }

    /// <summary>The encoder's dense layers, at whose first a label enters, and the decoder.</summary>
    internal static IEnumerable<Layer> BehindLabel(ModelSpec model, DataShape data) => Plain(model, data).Skip(model.Architecture == Architecture.Mlp ? 0 : Head(model, data) - 1);

    /// <summary>The place of the layer that ends the encoder.</summary>
    internal static int Head(ModelSpec model, DataShape data)
    {
        if (model.Architecture == Architecture.Mlp) return model.EncoderWidths.Count;
        var convolutions = model.ChannelsFor(Math.Max(data.Height, data.Width)).Count;
        return 1 + (model.Architecture == Architecture.Resnet ? (convolutions * (1 + (4 * model.Blocks))) + 1 : convolutions);
    }

    private static IEnumerable<Layer> Ladder(ModelSpec model, DataShape data)
    {
        var (up, down, sizes) = (model.EncoderWidths, model.DecoderWidths, model.Ladder);
        for (var layer = 0; layer < sizes.Count; layer++)
        {
            yield return new(layer == 0 ? data.Values : up[layer - 1], up[layer], 1, 1);
            yield return new(up[layer], up[layer], 1, 1);
            yield return new(up[layer], 2 * sizes[layer], 1, 1);
        }

        for (var layer = sizes.Count - 1; layer >= 0; layer--)
        {
            var width = down[sizes.Count - 1 - layer];
            yield return new(sizes[layer], width, 1, 1);
            yield return new(width, width, 1, 1);
            yield return new(width, layer == 0 ? data.Values : 2 * sizes[layer - 1], 1, 1);
        }
    }

    internal static IEnumerable<Layer> CodePrior(ModelSpec model, DataShape data)
    {
        var (width, positions) = (model.CodePriorWidth, model.CodePositions(data.Height, data.Width));
        yield return new(model.CodeSize, width, 1, positions);
        for (var seen = 1; seen < positions; seen *= 2) yield return new(2 * width, width, 1, positions);
        yield return new(width, width, 1, positions);
        yield return new(width, model.Codes, 1, positions);
    }

    private static IEnumerable<Layer> Mlp(ModelSpec model, DataShape data)
    {
        int[] encoder = [data.Values, .. model.EncoderWidths];
        var codes = model.Latent * model.CodeSize;
        var (up, down) = model.Family == ModelFamily.Vq ? (codes, codes) : (2 * model.Latent, model.Latent);
        int[] decoder = [down, .. model.DecoderWidths, data.Values];
        for (var i = 1; i < encoder.Length; i++) yield return new(encoder[i - 1], encoder[i], 1, 1);
        yield return new(encoder[^1], up, 1, 1);
        for (var i = 1; i < decoder.Length; i++) yield return new(decoder[i - 1], decoder[i], 1, 1);
    }

    private static IEnumerable<Layer> Conv(ModelSpec model, DataShape data)
    {
        int[] channels = [data.Channels, .. model.ChannelsFor(Math.Max(data.Height, data.Width))];
        var last = channels.Length - 1;
        int Pixels(int level) => (data.Height >> level) * (data.Width >> level);

        for (var i = 1; i <= last; i++)
        {
            yield return new(channels[i - 1], channels[i], Kernel, Pixels(i));
            foreach (var layer in Blocks(model, channels[i], Pixels(i))) yield return layer;
        }
        if (model.Architecture == Architecture.Resnet) yield return Norm(channels[last], Pixels(last));

        var flat = channels[last] * Pixels(last);
        Layer[] heads = model.Family == ModelFamily.Vq
            ? [new(channels[last], model.CodeSize, 1, Pixels(last)), new(model.CodeSize, channels[last], 1, Pixels(last))]
            : [new(flat, model.Hidden, 1, 1), new(model.Hidden, 2 * model.Latent, 1, 1), new(model.Latent, model.Hidden, 1, 1), new(model.Hidden, flat, 1, 1)];
        foreach (var head in heads) yield return head;

        for (var i = last; i >= 1; i--)
        {
            foreach (var layer in Blocks(model, channels[i], Pixels(i))) yield return layer;
            if (i == 1 && model.Architecture == Architecture.Resnet) yield return Norm(channels[i], Pixels(i));
            yield return new(channels[i], channels[i - 1], Kernel, Pixels(i - 1));
        }
    }

    private static IEnumerable<Layer> Blocks(ModelSpec model, int channels, int pixels)
    {
        if (model.Architecture != Architecture.Resnet) yield break;
        for (var i = 0; i < 2 * model.Blocks; i++)
        {
            yield return Norm(channels, pixels);
            yield return new(channels, channels, BlockKernel, pixels);
        }
    }

    // A factor and an offset for each channel.
    private static Layer Norm(int channels, int pixels) => new(1, channels, 1, pixels) { IsNorm = true };
}
