using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Compression.Portable;

/// <summary>One layer of a network that gives the same bits everywhere. It holds weights and no scratch, so threads share it. Images lie with the channels last.</summary>
internal abstract class PortableLayer
{
    /// <summary>Length of the memory that <see cref="Run"/> writes; the outputs come first.</summary>
    public abstract int Room { get; }

    /// <summary>Outputs.</summary>
    public abstract int Outputs { get; }

    /// <summary>Numbers of scratch that <see cref="Run"/> needs of either kind.</summary>
    public abstract int Scratch { get; }

    public abstract void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used);
}

/// <summary>A dense layer.</summary>
internal sealed class PortableDense(PortableWeights weights) : PortableLayer
{
    public override int Room => weights.PaddedOutputs;

    public override int Outputs => weights.Outputs;

    public override int Scratch => weights.Inputs;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used) => weights.Apply(x[..weights.Inputs], y, used);
}

/// <summary>From [channel, row, column], as the model's rows and files have it, to [row, column, channel], or back.</summary>
internal sealed class PortableReorder(ImageShape shape, bool channelsLast) : PortableLayer
{
    public override int Room => shape.Values;

    public override int Outputs => shape.Values;

    public override int Scratch => 0;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        var places = shape.Height * shape.Width;
        for (var channel = 0; channel < shape.Channels; channel++)
        {
            for (var place = 0; place < places; place++)
            {
                var (first, last) = ((channel * places) + place, (place * shape.Channels) + channel);
                if (channelsLast) y[last] = x[first];
                else y[first] = x[last];
            }
        }
    }
}

/// <summary>An elementwise function. Other than the rectifiers it is computed in doubles and rounded once.</summary>
internal sealed class PortableActivation(Activation kind, int values) : PortableLayer
{
    private const float LeakySlope = 0.01f;

    public override int Room => values;

    public override int Outputs => values;

    public override int Scratch => 0;

    public override void Run(ReadOnlySpan<float> x, Span<float> y, Span<float> patch, Span<int> used)
    {
        switch (kind)
        {
            case Activation.Relu: for (var i = 0; i < values; i++) y[i] = x[i] > 0 ? x[i] : 0; break;
            case Activation.LeakyRelu: for (var i = 0; i < values; i++) y[i] = x[i] > 0 ? x[i] : x[i] * LeakySlope; break;
            case Activation.Tanh: for (var i = 0; i < values; i++) y[i] = (float)PortableMath.Tanh(x[i]); break;
            case Activation.Silu: for (var i = 0; i < values; i++) y[i] = (float)(x[i] * PortableMath.Sigmoid(x[i])); break;
            case Activation.Gelu: for (var i = 0; i < values; i++) y[i] = (float)(x[i] * PortableMath.NormalCdf(x[i])); break;
            case Activation.Elu: for (var i = 0; i < values; i++) y[i] = x[i] > 0 ? x[i] : (float)(PortableMath.Exp(x[i]) - 1); break;
            default: throw new InvalidOperationException($"Unknown activation {kind}.");
        }
    }
}
