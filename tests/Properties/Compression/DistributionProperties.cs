using FsCheck;
using FsCheck.Fluent;
using Vae.Models.Compression;

namespace Vae.Tests.Properties.Compression;

public class DistributionProperties
{
    private static readonly LatentBins[] Grids = [new(4, 8), new(8, 14), new(10, 24), new(12, 16), new(14, 24)];

    private static readonly Arbitrary<(LatentBins Bins, double Mean, double Deviation)> Posteriors = (
        from grid in Gen.Elements(Grids)
        from mean in Gen.OneOf(Gen.Choose(-6_000_000, 6_000_000).Select(x => x / 1e6), Gen.Elements(0, 1e3, -1e3, 1e30, -1e30, 8.9999999))
        from log in Gen.Choose(-6_000, 4_000) // Of what the clamped log variance allows.
        select (grid, mean, Math.Exp(log / 1e3))).ToArbitrary();

    [Fact]
    public void Every_bin_has_a_frequency_and_all_sum_to_the_total() => Prop.ForAll(Posteriors, posterior =>
    {
        var (bins, mean, deviation) = posterior;
        var below = bins.Below(0, mean, 1 / deviation);
        if (below != 0) return false;
        for (var bin = 1; bin <= 1 << bins.Bits; bin++)
        {
            var next = bins.Below(bin, mean, 1 / deviation);
            if (next <= below) return false;
            below = next;
        }

        return below == 1u << bins.Precision;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_bin_that_is_drawn_and_pushed_back_restores_the_stack() => Prop.ForAll(Posteriors, Gen.Choose(0, int.MaxValue).ToArbitrary(), (posterior, seed) =>
    {
        var (bins, mean, deviation) = posterior;
        var stack = new AnsStack((ulong)seed);
        var drawn = Enumerable.Range(0, 20).Select(_ => bins.Pop(stack, mean, deviation)).ToArray();
        foreach (var bin in drawn.Reverse()) bins.Push(stack, bin, mean, deviation);
        return stack.IsPristine;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Frequencies_are_the_masses_of_the_normal_distribution() => Prop.ForAll(Posteriors, posterior =>
    {
        var (bins, mean, deviation) = posterior;
        if (bins.Precision < 24 || Math.Abs(mean) > 6) return true;
        // The masses of neighbouring bins, against an independent computation from the centres: density times width.
        var middle = 1 << (bins.Bits - 1);
        var share = (bins.Below(middle + 16, mean, 1 / deviation) - bins.Below(middle - 16, mean, 1 / deviation)) / (double)(1u << bins.Precision);
        var (low, high) = ((bins.Centre(middle - 17) + bins.Centre(middle - 16)) / 2, (bins.Centre(middle + 15) + bins.Centre(middle + 16)) / 2);
        var (a, b) = ((low - mean) / deviation, (high - mean) / deviation);
        const int steps = 2_000;
        var simpson = 0.0;
        for (var i = 0; i <= steps; i++)
        {
            var t = a + ((b - a) * i / steps);
            simpson += (i is 0 or steps ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-0.5 * t * t);
        }

        var mass = simpson * (b - a) / steps / 3 / Math.Sqrt(2 * Math.PI);
        return Math.Abs(share - mass) < 2e-3 * mass + 1e-3;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Under_the_prior_all_bins_are_alike()
    {
        var bins = new LatentBins(8, 24);
        for (var bin = 0; bin < 256; bin++)
        {
            var frequency = bins.Below(bin + 1, 0, 1) - bins.Below(bin, 0, 1);
            Assert.InRange(frequency / 65_536.0, 0.999, 1.001); // 2^24 / 256.
        }

        Assert.Equal(-2.88563, bins.Centre(0), 1e-4); // The 1/512 quantile of N(0, 1).
        Assert.Equal(0.0048957, bins.Centre(128), 1e-6);
        Assert.Equal(-bins.Centre(0), bins.Centre(255));
    }

    [Fact]
    public void The_probability_of_a_bit_is_the_logistic_function_and_never_0_or_1() => Prop.ForAll(Gen.Choose(-40_000, 40_000).ToArbitrary(), Gen.Choose(BernoulliCoder.PrecisionMin, BernoulliCoder.PrecisionMax).ToArbitrary(), (thousandths, precision) =>
    {
        var logit = thousandths / 1e3f;
        var total = (double)(1 << precision);
        var ones = new BernoulliCoder(precision).Ones(logit);
        return ones >= 1 && ones <= total - 1 && Math.Abs((ones / total) - (1 / (1 + Math.Exp(-logit)))) <= (1.01 / total) + 3e-6;
    }).QuickCheckThrowOnFailure();

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity), InlineData(float.MaxValue), InlineData(-0f)]
    public void A_logit_that_is_no_number_still_gives_a_distribution(float logit) => Assert.InRange(new BernoulliCoder(12).Ones(logit), 1u, 4_095u);
}
