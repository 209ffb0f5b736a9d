using FsCheck;
using FsCheck.Fluent;
using Vae.Models.Compression.Portable;

namespace Vae.Tests.Properties.Compression;

/// <summary>Against the framework's functions, which are good to the last bit or two on any machine, but not the same on all.</summary>
public class PortableMathProperties
{
    private static readonly Arbitrary<double> Numbers = Gen.OneOf(
        Gen.Choose(-700_000_000, 700_000_000).Select(x => x / 1e6),
        Gen.Choose(-20_000_000, 20_000_000).Select(x => x / 1e6),
        Gen.Choose(-1_000_000, 1_000_000).Select(x => x / 1e12)).ToArbitrary();

    [Fact]
    public void The_exponential_is_exact_to_twelve_digits() => Holds(x => (PortableMath.Exp(x), Math.Exp(x)), 1e-12);

    [Fact]
    public void The_hyperbolic_tangent_is_exact_to_twelve_digits_of_one() => Holds(x => (2 + PortableMath.Tanh(x), 2 + Math.Tanh(x)), 1e-12);

    [Fact]
    public void The_logistic_function_is_exact_to_twelve_digits() => Holds(x => (PortableMath.Sigmoid(x), x > -700 ? 1 / (1 + Math.Exp(-x)) : 0), 1e-12);

    [Fact]
    public void Softplus_is_exact_to_twelve_digits() => Holds(x => (PortableMath.Softplus(x), x > 0 ? x + LogOnePlus(Math.Exp(-x)) : LogOnePlus(Math.Exp(x))), 1e-12);

    [Fact]
    public void The_normal_distribution_is_symmetric_and_has_its_known_values()
    {
        Holds(x => (PortableMath.NormalCdf(x) + PortableMath.NormalCdf(-x), 1), 1e-12);
        foreach (var (x, mass) in ((double, double)[])[(0, 0.5), (1, 0.8413447460685429), (-1.959963984540054, 0.025), (3, 0.9986501019683699), (-5, 2.866515718791933e-07), (7, 0.9999999999987201)])
        {
            Assert.Equal(mass, PortableMath.NormalCdf(x), 1e-12);
        }
    }

    // Kahan's trick: exact to the last bits also where e is tiny, whatever the framework's own does there.
    private static double LogOnePlus(double e) => 1 + e == 1 ? e : Math.Log(1 + e) * e / ((1 + e) - 1);

    private static void Holds(Func<double, (double Ours, double Right)> compute, double relative) => Prop.ForAll(Numbers, x =>
    {
        var (ours, right) = compute(x);
        return Math.Abs(ours - right) <= (relative * Math.Abs(right)) + 1e-300;
    }).QuickCheckThrowOnFailure();
}
