using Vae.Models.Compression.Portable;

namespace Vae.Models.Compression;

/// <summary>
/// The grid that latents are coded on: the line cut into 2^p bins of equal mass under N(0, 1), so that under the prior a bin is p plain bits (Townsend et al. 2019, appendix B, the discretisation of
/// maximum entropy). A posterior N(mean, deviation^2) gives a bin a whole-number frequency, never 0, and all frequencies sum to 2^P exactly.
/// <para>
/// The frequencies are differences of a distribution function that cannot decrease: a table of the normal's in whole numbers, read with a linear step in whole numbers. A computed function can decrease by
/// its last bit where it is flat, and a bin would then get the frequency 0 and its image could not be coded.
/// </para>
/// </summary>
public sealed class LatentBins
{
    /// <summary>Range of the bits of a bin, p.</summary>
    public const int BitsMin = 4, BitsMax = 14;

    /// <summary>Largest precision of a posterior, P, in bits; at least <see cref="BitsMin"/> above p.</summary>
    public const int PrecisionMax = 24;

    private const int Reach = 9; // Deviations on each side; what lies beyond has less mass than the table resolves.
    private const int CellBits = 8, FractionBits = 20, MassBits = 40;
    private const double Units = 1L << (CellBits + FractionBits); // Of one deviation.

    private static readonly ulong[] Normal = MakeNormal();

    private readonly double[] _edges;
    private readonly float[] _centres;
    private readonly ulong _shared;

    /// <param name="bits">p, <see cref="BitsMin"/> to <see cref="BitsMax"/>.</param>
    /// <param name="precision">P, from p + <see cref="BitsMin"/> to <see cref="PrecisionMax"/>.</param>
    public LatentBins(int bits, int precision)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bits, BitsMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, BitsMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(precision, bits + BitsMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(precision, PrecisionMax);
        (Bits, Precision) = (bits, precision);
        _shared = (1UL << precision) - (1UL << bits); // What is left once each bin has its 1.
        (_edges, _centres) = Quantiles(bits);
    }

    /// <summary>p: a bin is a number of so many bits.</summary>
    public int Bits { get; }

    /// <summary>P: posterior frequencies sum to 2^P.</summary>
    public int Precision { get; }

    /// <summary>The value that stands for all of a bin: its median under the prior.</summary>
    public float Centre(int bin) => _centres[bin];

    /// <summary>Pushes a bin with its probability under a posterior.</summary>
    public void Push(AnsStack stack, int bin, double mean, double deviation)
    {
        var inverse = 1 / deviation;
        var start = Below(bin, mean, inverse);
        stack.Push(start, Below(bin + 1, mean, inverse) - start, Precision);
    }

    /// <summary>Pops a bin: a draw from the posterior where the stack holds random bits.</summary>
    public int Pop(AnsStack stack, double mean, double deviation)
    {
        var inverse = 1 / deviation;
        var sought = stack.Peek(Precision);
        int low = 0, high = 1 << Bits; // Below(low) <= sought < Below(high).
        uint start = 0, end = 1u << Precision;
        while (high - low > 1)
        {
            var middle = (low + high) >>> 1;
            var mass = Below(middle, mean, inverse);
            if (mass <= sought) (low, start) = (middle, mass);
            else (high, end) = (middle, mass);
        }

        stack.Pop(start, end - start, Precision);
        return low;
    }

    /// <summary>Sum of the frequencies of the bins before <paramref name="bin"/>: 0 for the first, 2^P behind the last, and growing by 1 or more with each.</summary>
    public uint Below(int bin, double mean, double inverseDeviation)
    {
        if (bin == 0) return 0;
        if (bin == 1 << Bits) return 1u << Precision;
        return (uint)((Mass((_edges[bin] - mean) * inverseDeviation) * _shared) >> MassBits) + (uint)bin;
    }

    // Every step, from the rounding of the argument on, keeps order.
    private static ulong Mass(double deviations)
    {
        var place = (ulong)((Math.Clamp(deviations, -Reach, Reach) + Reach) * Units);
        var cell = (int)(place >> FractionBits);
        if (cell >= Normal.Length - 1) return Normal[^1];
        var fraction = place & ((1UL << FractionBits) - 1);
        return Normal[cell] + (((Normal[cell + 1] - Normal[cell]) * fraction) >> FractionBits);
    }

    private static ulong[] MakeNormal()
    {
        var table = new ulong[(2 * Reach << CellBits) + 1];
        var highest = 0UL;
        for (var cell = 0; cell < table.Length; cell++)
        {
            var mass = Math.Clamp(PortableMath.NormalCdf(((double)cell / (1 << CellBits)) - Reach), 0, 1);
            highest = Math.Max(highest, (ulong)(mass * (1L << MassBits)));
            table[cell] = highest;
        }

        return table;
    }

    // From the middle outwards by Newton's method, which approaches each quantile from the middle's side and cannot overshoot, because the distribution function is concave there.
    private static (double[] Edges, float[] Centres) Quantiles(int bits)
    {
        const int newtonSteps = 8;
        var bins = 1 << bits;
        var edges = new double[bins];
        var centres = new float[bins];
        double at = 0;
        for (var half = bins; half < 2 * bins; half++)
        {
            var mass = (double)half / (2 * bins);
            for (var step = 0; step < newtonSteps; step++) at -= (PortableMath.NormalCdf(at) - mass) / PortableMath.NormalDensity(at);
            if (half % 2 == 0) (edges[half / 2], edges[(2 * bins - half) / 2 % bins]) = (at, -at);
            else (centres[half / 2], centres[(2 * bins - half) / 2]) = ((float)at, (float)-at);
        }

        edges[bins / 2] = 0;
        return (edges, centres);
    }
}
