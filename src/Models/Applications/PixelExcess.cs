using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Applications;

/// <summary>
/// What a value of an image costs beyond what the best guess of it would have cost, in nats, 0 or more: -ln p(x | m) + ln p(x | x), where m is what the model paints. It is a value's share of the distortion without what
/// no model with this spread could have saved, so it is 0 where the painting is right, whatever the likelihood.
/// </summary>
public sealed class PixelExcess
{
    // A float's sigmoid may be exactly 0 or 1; ln 1e-7 is as strange as a colour needs to tell.
    private const double LeastProbability = 1e-7;

    // Half a grey level: at the ends a continuous Bernoulli's density has no bound.
    private const double HalfLevel = 1.0 / 510;

    private readonly Likelihood _likelihood;
    private readonly double _spread;

    /// <param name="likelihood">The model's.</param>
    /// <param name="spread">Log variance of a Gaussian, log scale of a discretised logistic; of no account for the others.</param>
    public PixelExcess(Likelihood likelihood, double spread = 0) => (_likelihood, _spread) = (likelihood, spread);

    /// <summary>The likelihood of a model, with the spread that its network has learnt.</summary>
    /// <param name="network">Of one replica.</param>
    /// <param name="spec">Its likelihood.</param>
    public static PixelExcess Of(PackNetwork network, ModelSpec spec)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var spread = network.ModelTensors().FirstOrDefault(entry => entry.name is "observation_log_variance" or "observation_log_scale").tensor;
        return new PixelExcess(spec.Likelihood, spread is null ? 0 : spread.cpu().ToArray<float>()[0]);
    }

    /// <summary>The excess of one value.</summary>
    /// <param name="x">0 to 1.</param>
    /// <param name="painted">Probability or mean.</param>
    public double Of(double x, double painted) => Math.Max(0, _likelihood switch
    {
        Likelihood.Bernoulli => OfBit(x, Math.Clamp(painted, LeastProbability, 1 - LeastProbability)),
        Likelihood.Gaussian => 0.5 * (x - painted) * (x - painted) * Math.Exp(-_spread),
        Likelihood.ContinuousBernoulli => OfGrey(Math.Clamp(x, HalfLevel, 1 - HalfLevel), Math.Clamp(painted, HalfLevel, 1 - HalfLevel)),
        Likelihood.DiscretisedLogistic => LogLevel(x, x) - LogLevel(x, painted),
        _ => throw new InvalidOperationException($"Unknown likelihood {_likelihood}."),
    });

    // x ln(x / p) + (1 - x) ln((1 - x) / (1 - p)).
    private static double OfBit(double x, double p)
    {
        return Part(x, p) + Part(1 - x, 1 - p);

        static double Part(double x, double p) => x > 0 ? x * Math.Log(x / p) : 0;
    }

    // ln p(x | a) = a x - A(a), and the mean of p says what a is.
    private static double OfGrey(double x, double mean)
    {
        var (best, painted) = (Natural(x), Natural(mean));
        return (best * x) - LogNormaliser(best) - ((painted * x) - LogNormaliser(painted));
    }

    // The parameter a whose mean 1 / (1 - e^-a) - 1 / a is given: it grows with the mean, by 1/12 for each unit at 0 and ever more slowly.
    private static double Natural(double mean)
    {
        double low = -2 / mean, high = 2 / (1 - mean);
        for (var halving = 0; halving < 60; halving++)
        {
            var middle = (low + high) / 2;
            if (Mean(middle) < mean) low = middle;
            else high = middle;
        }

        return (low + high) / 2;
    }

    private static double Mean(double a) => Math.Abs(a) < 1e-3 ? 0.5 + (a / 12) : (-1 / double.ExpM1(-a)) - (1 / a);

    private static double LogNormaliser(double a) => Math.Abs(a) < 1e-3 ? (a / 2) + (a * a / 24) : Math.Max(a, 0) + Math.Log(-double.ExpM1(-Math.Abs(a)) / Math.Abs(a));

    // The logarithm of a level's probability; the first level reaches down and the last one up to infinity.
    private double LogLevel(double x, double mean)
    {
        double inverse = Math.Exp(-_spread), half = inverse / 510, distance = (x - mean) * inverse;
        var (isFirst, isLast) = (x < HalfLevel, x > 1 - HalfLevel);
        return (isLast ? 0 : -Softplus(-(distance + half))) + (isFirst ? 0 : -Softplus(distance - half)) + (isFirst || isLast ? 0 : Math.Log(-double.ExpM1(-2 * half)));
    }

    private static double Softplus(double value) => Math.Max(value, 0) + double.LogP1(Math.Exp(-Math.Abs(value)));
}
