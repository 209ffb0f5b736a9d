using Vae.Data.Safetensors;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Compression.Portable;

/// <summary>Builds the layers of a model from its file. Names and shapes of the tensors are those of docs/models.md.</summary>
internal sealed class PortableBuilder(SafetensorsFile file, string shownAs, ModelSpec spec, ImageShape image)
{
    private readonly SortedDictionary<string, (int[] Shape, float[] Values)> _read = new(StringComparer.Ordinal);

    /// <summary>All tensors that were read, by name.</summary>
    public IReadOnlyDictionary<string, (int[] Shape, float[] Values)> Read => _read;

    /// <summary>From the image to 2 d values.</summary>
    public PortableLayer[] Encoder()
    {
        var layers = new List<PortableLayer>();
        var inputs = image.Values;
        if (spec.Architecture != Architecture.Mlp)
        {
            var (shape, at) = (image, 0); // Place in the file's stack.
            layers.Add(new PortableReorder(image, channelsLast: true));
            foreach (var channels in Channels)
            {
                layers.Add(Convolution($"encoder.{at++}", shape, channels, kernel: 4, stride: 2));
                shape = new ImageShape(channels, shape.Height / 2, shape.Width / 2);
                if (IsResidual) AddBlocks(layers, "encoder", ref at, shape);
                else layers.Add(Activation(shape.Values, ref at));
            }

            if (IsResidual) AddEnd(layers, "encoder", ref at, shape);
            layers.Add(new PortableReorder(shape, channelsLast: false));
            inputs = AddDense(layers, "encoder_head.0", shape.Values, spec.Hidden, isHidden: true);
        }
        else
        {
            foreach (var (index, width) in spec.Encoder.Index()) inputs = AddDense(layers, $"encoder.{2 * index}", inputs, width, isHidden: true);
        }

        AddDense(layers, "posterior", inputs, 2 * spec.Latent, isHidden: false);
        return [.. layers];
    }

    /// <summary>From z to one value for each of the image's.</summary>
    public PortableLayer[] Decoder()
    {
        var layers = new List<PortableLayer>();
        var inputs = spec.Latent;
        if (spec.Architecture != Architecture.Mlp)
        {
            var channels = Channels;
            var shape = new ImageShape(channels[^1], image.Height >> channels.Length, image.Width >> channels.Length);
            inputs = AddDense(layers, "decoder_head.0", inputs, spec.Hidden, isHidden: true);
            AddDense(layers, "decoder_head.2", inputs, shape.Values, isHidden: !IsResidual);
            layers.Add(new PortableReorder(shape, channelsLast: true));
            var at = 0;
            for (var i = channels.Length - 1; i >= 0; i--)
            {
                var wanted = i == 0 ? image.Channels : channels[i - 1];
                if (IsResidual) AddBlocks(layers, "decoder", ref at, shape);
                if (IsResidual && i == 0) AddEnd(layers, "decoder", ref at, shape);
                var name = $"decoder.{at++}";
                layers.Add(new PortableTransposedConvolution(shape, wanted, Take($"{name}.weight", shape.Channels, wanted, 4, 4), Take($"{name}.bias", wanted)));
                shape = new ImageShape(wanted, shape.Height * 2, shape.Width * 2);
                if (i > 0 && !IsResidual) layers.Add(Activation(shape.Values, ref at));
            }

            layers.Add(new PortableReorder(image, channelsLast: false));
        }
        else
        {
            foreach (var (index, width) in spec.DecoderWidths.Index()) inputs = AddDense(layers, $"decoder.{2 * index}", inputs, width, isHidden: true);
            AddDense(layers, "output", inputs, image.Values, isHidden: false);
        }

        return [.. layers];
    }

    /// <summary>The logarithm of a discretised logistic likelihood's scale.</summary>
    public float LogScale() => Take("observation_log_scale")[0];

    private bool IsResidual => spec.Architecture == Architecture.Resnet;

    private int[] Channels
    {
        get
        {
            int[] channels = [.. spec.ChannelsFor(Math.Max(image.Height, image.Width))];
            return (image.Height | image.Width) % (1L << channels.Length) == 0
                ? channels
                : throw new SafetensorsException(shownAs, null, $"{channels.Length} convolutions cannot halve images of {image.Height} x {image.Width}, which config.json describes");
        }
    }

    private int AddDense(List<PortableLayer> layers, string name, int inputs, int outputs, bool isHidden)
    {
        var weight = Take($"{name}.weight", outputs, inputs);
        layers.Add(new PortableDense(new PortableWeights(inputs, outputs, (output, input) => weight[(output * inputs) + input], Take($"{name}.bias", outputs))));
        if (isHidden) layers.Add(new PortableActivation(spec.Activation, outputs));
        return outputs;
    }

    private PortableConvolution Convolution(string name, ImageShape from, int channels, int kernel, int stride) =>
        new(from, channels, kernel, stride, Take($"{name}.weight", channels, from.Channels, kernel, kernel), Take($"{name}.bias", channels));

    // An activation has no tensors, but a place in the file's stack.
    private PortableActivation Activation(int values, ref int at)
    {
        at++;
        return new(spec.Activation, values);
    }

    private PortableGroupNorm Norm(string name, ImageShape shape) => shape.Channels % spec.Groups == 0
        ? new(shape, spec.Groups, Take($"{name}.weight", shape.Channels), Take($"{name}.bias", shape.Channels))
        : throw new SafetensorsException(shownAs, name, $"{shape.Channels} channels cannot be cut into {spec.Groups} groups, which config.json describes");

    private void AddBlocks(List<PortableLayer> layers, string stack, ref int at, ImageShape shape)
    {
        for (var block = 0; block < spec.Blocks; block++)
        {
            var name = $"{stack}.{at++}";
            layers.Add(new PortableResidualBlock(
                Norm($"{name}.norm1", shape), Convolution($"{name}.conv1", shape, shape.Channels, 3, 1), Norm($"{name}.norm2", shape), Convolution($"{name}.conv2", shape, shape.Channels, 3, 1),
                new PortableActivation(spec.Activation, shape.Values)));
        }
    }

    private void AddEnd(List<PortableLayer> layers, string stack, ref int at, ImageShape shape)
    {
        layers.Add(Norm($"{stack}.{at++}", shape));
        layers.Add(Activation(shape.Values, ref at));
    }

    private float[] Take(string name, params int[] shape)
    {
        var found = file.Find(name).Shape;
        if (!found.SequenceEqual(shape.Select(size => (long)size)))
        {
            throw new SafetensorsException(shownAs, name, $"its shape is [{string.Join(", ", found)}]; the model that config.json describes needs [{string.Join(", ", shape)}]");
        }

        var values = file.Floats(name);
        if (Array.FindIndex(values, value => !float.IsFinite(value)) is >= 0 and var bad) throw new SafetensorsException(shownAs, name, $"value {bad:N0} is not a finite number, so nothing can be coded with this model");
        _read[name] = (shape, values);
        return values;
    }
}
