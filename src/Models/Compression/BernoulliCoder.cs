using Vae.Models.Compression.Portable;

namespace Vae.Models.Compression;

/// <summary>Bits with logits: values 0 and 1, frequencies of <paramref name="precision"/> bits and never 0.</summary>
/// <param name="precision">Bits of a probability, <see cref="PrecisionMin"/> to <see cref="PrecisionMax"/>.</param>
public sealed class BernoulliCoder(int precision) : IObservationCoder
{
    /// <summary>Range of the bits of a probability.</summary>
    public const int PrecisionMin = 8, PrecisionMax = 24;

    private readonly uint _total = 1u << precision;

    /// <inheritdoc/>
    public int ParametersPerValue => 1;

    /// <inheritdoc/>
    public void Push(AnsStack stack, ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values)
    {
        for (var i = values.Length - 1; i >= 0; i--) // From the last, so that they are popped from the first.
        {
            var ones = Ones(parameters[i]);
            if (values[i] != 0) stack.Push(_total - ones, ones, precision);
            else stack.Push(0, _total - ones, precision);
        }
    }

    /// <inheritdoc/>
    public void Pop(AnsStack stack, ReadOnlySpan<float> parameters, Span<byte> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var ones = Ones(parameters[i]);
            var zeros = _total - ones;
            if (stack.Peek(precision) >= zeros)
            {
                stack.Pop(zeros, ones, precision);
                values[i] = 1;
            }
            else
            {
                stack.Pop(0, zeros, precision);
                values[i] = 0;
            }
        }
    }

    /// <inheritdoc/>
    public double Nats(ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values)
    {
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++) sum += PortableMath.Softplus(values[i] != 0 ? -parameters[i] : parameters[i]);
        return sum;
    }

    /// <summary>Frequency of a 1: 1 to 2^precision - 1, for any logit.</summary>
    public uint Ones(float logit) => (uint)Math.Clamp(LogisticTable.Mass(logit) >> (LogisticTable.MassBits - precision), 1, _total - 1);
}
