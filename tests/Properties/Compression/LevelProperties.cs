using FsCheck;
using FsCheck.Fluent;
using Vae.Models.Compression;
using Vae.Shared.Determinism;

namespace Vae.Tests.Properties.Compression;

/// <summary>256 levels under any mean and scale, sensible or not.</summary>
public class LevelProperties
{
    private static readonly Arbitrary<(LogisticLevelsCoder Coder, int Precision, double LogScale, float Mean)> Distributions = (
        from precision in Gen.Choose(LogisticLevelsCoder.PrecisionMin, LogisticLevelsCoder.PrecisionMax)
        from logScale in Gen.OneOf(Gen.Choose(-12_000, 3_000).Select(x => x / 1e3), Gen.Elements(-1e30, -800.0, -100.0, 100.0, 800.0, 1e30, double.NaN))
        from mean in Gen.OneOf(Gen.Choose(-500_000, 1_500_000).Select(x => x / 1e6f), Gen.Elements(0f, 1f, 0.5f, -0f, 1e3f, -1e3f, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN))
        select (new LogisticLevelsCoder(precision, logScale), precision, logScale, mean)).ToArbitrary();

    [Fact]
    public void Every_level_has_a_frequency_and_all_sum_to_the_total() => Prop.ForAll(Distributions, one =>
    {
        var below = one.Coder.Below(0, one.Mean);
        if (below != 0) return false;
        for (var level = 1; level <= 256; level++)
        {
            var next = one.Coder.Below(level, one.Mean);
            if (next <= below) return false;
            below = next;
        }

        return below == 1u << one.Precision;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_level_comes_back_and_leaves_the_stack_as_it_was() => Prop.ForAll(Distributions, Gen.Choose(0, int.MaxValue).ToArbitrary(), (one, seed) =>
    {
        var stack = new AnsStack((ulong)seed);
        for (var i = 0; i < 9; i++) stack.PushUniform((uint)i, 10);
        var values = Enumerable.Range(0, 256).Select(level => (byte)level).ToArray();
        var parameters = Enumerable.Repeat(one.Mean, values.Length).ToArray();
        one.Coder.Push(stack, parameters, values);
        var back = new byte[values.Length];
        one.Coder.Pop(stack, parameters, back);
        for (var i = 8; i >= 0; i--) if (stack.PopUniform(10) != i) return false;
        return back.AsSpan().SequenceEqual(values) && stack.IsPristine;
    }).QuickCheckThrowOnFailure();

    [Theory, InlineData(1), InlineData(3)]
    public void Images_of_any_means_come_back(int channels) => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Choose(-9_000, 2_000).ToArbitrary(), (seed, thousandths) =>
    {
        var random = new Prng((ulong)seed);
        var coder = new LogisticLevelsCoder(24, thousandths / 1e3);
        var values = new byte[channels * 64];
        var parameters = new float[values.Length];
        for (var i = 0; i < values.Length; i++) (values[i], parameters[i]) = ((byte)random.NextBelow(256), (float)((random.NextDouble() * 2) - 0.5));
        var stack = new AnsStack((ulong)seed);
        coder.Push(stack, parameters, values);
        var back = new byte[values.Length];
        coder.Pop(stack, parameters, back);
        return back.AsSpan().SequenceEqual(values) && stack.IsPristine;
    }).QuickCheckThrowOnFailure();

    // Against the definition: differences of the distribution function, in doubles.
    [Fact]
    public void Frequencies_are_the_probabilities_of_the_likelihood() => Prop.ForAll(Gen.Choose(-6_000, 0).ToArbitrary(), Gen.Choose(0, 1_000_000).ToArbitrary(), (thousandths, millionths) =>
    {
        var (logScale, mean) = (thousandths / 1e3, millionths / 1e6f);
        var coder = new LogisticLevelsCoder(24, logScale);
        var total = (double)(1 << 24);
        for (var level = 0; level < 256; level++)
        {
            var upper = level == 255 ? 1 : Sigmoid((((level + 0.5) / 255) - mean) / Math.Exp(logScale));
            var lower = level == 0 ? 0 : Sigmoid((((level - 0.5) / 255) - mean) / Math.Exp(logScale));
            var share = (coder.Below(level + 1, mean) - coder.Below(level, mean)) / total;
            if (Math.Abs(share - (upper - lower)) > (0.01 * (upper - lower)) + (3 / total)) return false;
            if (upper - lower > 1e-5 && Math.Abs(coder.Nats([mean], [(byte)level]) + Math.Log(upper - lower)) > 1e-6) return false;
        }

        return true;
    }).QuickCheckThrowOnFailure();

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
