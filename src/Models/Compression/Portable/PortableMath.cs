namespace Vae.Models.Compression.Portable;

/// <summary>
/// Functions whose every bit is the same on every machine. The framework's own (<see cref="Math.Exp"/> and its like) come from the C library, and their last bit differs between libraries and processors;
/// these use additions, multiplications and divisions of doubles alone, in a fixed order, which IEEE 754 defines to the bit. Good to about 1e-15, which is more than the coder needs: what counts is that
/// both ends compute the same.
/// </summary>
public static class PortableMath
{
    private const double Log2E = 1.4426950408889634, Ln2High = 0.693147180369123816490, Ln2Low = 1.90821492927058770002e-10;
    private const double ExpMin = -708, ExpMax = 709; // Beyond, the result leaves the normal doubles.
    private const int TaylorTerms = 13, AtanhTerms = 17;

    private static readonly double[] InverseFactorials = MakeInverseFactorials();
    private static readonly double[] InverseOdds = [.. Enumerable.Range(0, AtanhTerms).Select(k => 1.0 / ((2 * k) + 1))];

    /// <summary>e to the <paramref name="x"/>; beyond -708 and 709 as there.</summary>
    public static double Exp(double x)
    {
        x = Math.Clamp(x, ExpMin, ExpMax);
        var power = Math.Floor((x * Log2E) + 0.5);
        var rest = (x - (power * Ln2High)) - (power * Ln2Low); // |rest| <= ln(2) / 2.
        var sum = InverseFactorials[TaylorTerms];
        for (var k = TaylorTerms - 1; k >= 0; k--) sum = (sum * rest) + InverseFactorials[k];
        return sum * BitConverter.Int64BitsToDouble(((long)power + 1023) << 52);
    }

    /// <summary>ln(1 + exp(<paramref name="x"/>)).</summary>
    public static double Softplus(double x) => Math.Max(x, 0) + Log1P(Exp(-Math.Abs(x)));

    /// <summary>1 / (1 + exp(-<paramref name="x"/>)).</summary>
    public static double Sigmoid(double x)
    {
        var e = Exp(-Math.Abs(x));
        return (x >= 0 ? 1 : e) / (1 + e);
    }

    /// <summary>Hyperbolic tangent.</summary>
    public static double Tanh(double x)
    {
        var e = Exp(-2 * Math.Abs(x));
        var magnitude = (1 - e) / (1 + e);
        return x < 0 ? -magnitude : magnitude;
    }

    /// <summary>Distribution function of the standard normal.</summary>
    public static double NormalCdf(double x)
    {
        // Marsaglia 2004, section 2: Phi(x) = 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 * 5) + ...). All terms have one sign, so nothing cancels.
        if (x > 9) return 1;
        if (x < -9) return 0;
        double term = x, sum = x, before = 0, square = x * x;
        for (var odd = 3; sum != before; odd += 2)
        {
            before = sum;
            term = term * square / odd;
            sum += term;
        }

        return 0.5 + (sum * NormalDensity(x));
    }

    /// <summary>Density of the standard normal.</summary>
    public static double NormalDensity(double x) => Exp(-0.5 * x * x) * 0.3989422804014327;

    // 2 artanh(e / (2 + e)) for e in 0 to 1: the series' argument is at most 1/3.
    private static double Log1P(double e)
    {
        var s = e / (2 + e);
        var square = s * s;
        var sum = InverseOdds[AtanhTerms - 1];
        for (var k = AtanhTerms - 2; k >= 0; k--) sum = (sum * square) + InverseOdds[k];
        return 2 * s * sum;
    }

    private static double[] MakeInverseFactorials()
    {
        var values = new double[TaylorTerms + 1];
        var factorial = 1.0;
        for (var k = 0; k <= TaylorTerms; k++)
        {
            if (k > 0) factorial *= k;
            values[k] = 1 / factorial;
        }

        return values;
    }
}
