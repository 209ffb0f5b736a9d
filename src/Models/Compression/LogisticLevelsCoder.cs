using Vae.Models.Compression.Portable;

namespace Vae.Models.Compression;

/// <summary>
/// Bytes as the 256 levels of a discretised logistic likelihood (Salimans et al. 2017, equation 2; docs/models.md): the decoder gives one mean for each value, in units of 255 levels, and the model has one
/// scale for all. The frequency of the levels below k is floor(mass(t_k) (2^P - 2^8)) + k, with t_k = (edge_k - mean) / scale: each level has a frequency of 1 or more whatever the mean is, and they sum to 2^P.
/// <para>
/// So a level that the model holds for nearly impossible costs P bits and not hundreds: on such values the code is shorter than the model's own -log p. What the floor takes from all others is
/// log2(1 / (1 - 2^(8 - P))) bits for each value: 2e-5 bits at 24, but 0.006 at 16.
/// </para>
/// </summary>
public sealed class LogisticLevelsCoder : IObservationCoder
{
    /// <summary>Range of the bits of a probability.</summary>
    public const int PrecisionMin = 12, PrecisionMax = 24;

    private const int LevelBits = 8, Levels = 1 << LevelBits;
    private const double Width = 1.0 / (Levels - 1);

    private static readonly double[] Edges = [.. Enumerable.Range(0, Levels).Select(level => ((2 * level) - 1) / (2.0 * (Levels - 1)))];

    private readonly int _precision;
    private readonly uint _total;
    private readonly ulong _shared;
    private readonly double _inverseScale;

    /// <param name="precision">P, <see cref="PrecisionMin"/> to <see cref="PrecisionMax"/>.</param>
    /// <param name="logScale">Natural logarithm of the scale, in units of 255 levels.</param>
    public LogisticLevelsCoder(int precision, double logScale)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(precision, PrecisionMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(precision, PrecisionMax);
        _precision = precision;
        _total = 1u << precision;
        _shared = _total - (ulong)Levels; // What is left once each level has its 1.
        _inverseScale = PortableMath.Exp(-logScale);
    }

    /// <inheritdoc/>
    public int ParametersPerValue => 1;

    /// <inheritdoc/>
    public void Push(AnsStack stack, ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values)
    {
        for (var i = values.Length - 1; i >= 0; i--) // From the last, so that they are popped from the first.
        {
            var start = Below(values[i], parameters[i]);
            stack.Push(start, Below(values[i] + 1, parameters[i]) - start, _precision);
        }
    }

    /// <inheritdoc/>
    public void Pop(AnsStack stack, ReadOnlySpan<float> parameters, Span<byte> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var sought = stack.Peek(_precision);
            int low = 0, high = Levels; // Below(low) <= sought < Below(high).
            uint start = 0, end = _total;
            while (high - low > 1)
            {
                var middle = (low + high) >>> 1;
                var mass = Below(middle, parameters[i]);
                if (mass <= sought) (low, start) = (middle, mass);
                else (high, end) = (middle, mass);
            }

            stack.Pop(start, end - start, _precision);
            values[i] = (byte)low;
        }
    }

    /// <inheritdoc/>
    public double Nats(ReadOnlySpan<float> parameters, ReadOnlySpan<byte> values)
    {
        // As softplus(-p) + softplus(q) - ln(1 - e^-2h), docs/models.md: no difference of two nearly equal numbers.
        var inner = -Math.Log(-double.ExpM1(-Width * _inverseScale));
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++)
        {
            var level = values[i];
            if (level < Levels - 1) sum += PortableMath.Softplus((parameters[i] - Edges[level + 1]) * _inverseScale);
            if (level > 0) sum += PortableMath.Softplus((Edges[level] - parameters[i]) * _inverseScale);
            if (level is > 0 and < Levels - 1) sum += inner;
        }

        return sum;
    }

    /// <summary>Sum of the frequencies of the levels below <paramref name="level"/>: 0 for the first, 2^P behind the last, and growing by 1 or more with each.</summary>
    /// <param name="level">0 to 256.</param>
    /// <param name="mean">What the decoder gives, any number and even none.</param>
    public uint Below(int level, float mean) => level switch
    {
        0 => 0,
        Levels => _total,
        _ => (uint)((LogisticTable.Mass((Edges[level] - mean) * _inverseScale) * _shared) >> LogisticTable.MassBits) + (uint)level,
    };
}
