using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

/// <summary>The likelihoods of grey values: the own loops against double formulas, sums and integrals to 1, both tails, gradients.</summary>
public sealed class GreyLikelihoodTests : TorchTest
{
    private const double Epsilon = 3e-6;
    private static readonly int[] s_rows = [5, 0, 2];

    // ln((e^a - 1) / a) in double without the form that is tested: by the even function sinh(u) / u with a Taylor series up to far beyond double's precision.
    private static double LogNormaliser(double a)
    {
        var u = a / 2;
        if (Math.Abs(u) > 1) return Math.Max(a, 0) + Math.Log((1 - Math.Exp(-Math.Abs(a))) / Math.Abs(a));
        var (term, sum) = (1.0, 1.0);
        for (var k = 1; k < 30; k++)
        {
            term *= u * u / (2 * k * ((2 * k) + 1));
            sum += term;
        }

        return u + Math.Log(sum);
    }

    [Fact]
    public void The_continuous_bernoulli_loss_is_exact_from_tiny_to_huge_parameters()
    {
        using var scope = NewDisposeScope();
        foreach (var a in (float[])[-500, -90, -20, -3, -1.0001f, -1, -0.9999f, -0.5f, -1e-3f, -1e-6f, 0, 1e-30f, 1e-4f, 0.3f, 0.999f, 1, 1.001f, 4, 17, 88, 300])
            foreach (var x in (float[])[0, 0.25f, 1])
            {
                var expected = LogNormaliser(a) - ((double)a * x);
                var fast = Fused.continuous_bernoulli_nll(tensor([a], [1, 1]), tensor([x], [1, 1])).item();
                var plain = Fused.continuous_bernoulli_nll(tensor([(double)a], [1, 1]), tensor([(double)x], [1, 1])).item();

                Assert.Equal(expected, fast, 1e-6 * Math.Max(1, Math.Abs(a)));
                Assert.Equal(expected, plain, 1e-13 * Math.Max(1, Math.Abs(a)));
            }
    }

    [Theory]
    [InlineData(-12)]
    [InlineData(-0.7)]
    [InlineData(0)]
    [InlineData(1e-5)]
    [InlineData(0.51)]
    [InlineData(9)]
    public void The_continuous_bernoulli_density_integrates_to_one(double a)
    {
        using var scope = NewDisposeScope();
        const int cells = 20_000; // Simpson's rule.
        double integral = 0;
        var x = (arange(cells + 1, float64) / cells).view(cells + 1, 1, 1);
        var density = (-Fused.continuous_bernoulli_nll(full([cells + 1, 1, 1], a, float64), x)).exp().ToArray<double>();
        for (var i = 0; i <= cells; i++) integral += density[i] * (i is 0 or cells ? 1 : i % 2 == 1 ? 4 : 2);

        Assert.Equal(1, integral / (3 * cells), 1e-9);
    }

    [Theory]
    [InlineData(0.5, -2)]
    [InlineData(-3, -1)]
    [InlineData(0.2, -6)]
    [InlineData(1.4, -9)]
    [InlineData(0.7, 2)]
    public void The_256_levels_of_a_logistic_sum_to_one(double mean, double logScale)
    {
        using var scope = NewDisposeScope();
        var levels = (arange(256, float64) / 255).view(256, 1, 1);

        var plain = Fused.discretised_logistic_nll(full([256, 1, 1], mean, float64), levels, full([256], logScale, float64));
        var fast = Fused.discretised_logistic_nll(full([256, 1, 1], mean), levels.to(float32), full([256], logScale));

        Assert.Equal(1, (-plain).exp().sum().item(), 1e-12);
        Assert.Equal(1, (-fast.to(float64)).exp().sum().item(), 3e-5);
        // The plain difference of two distribution functions, where that does not cancel.
        foreach (var level in (int[])[0, 60, 128, 255])
        {
            double Cdf(double v) => 1 / (1 + Math.Exp(-(v - mean) / Math.Exp(logScale)));
            var probability = (level == 255 ? 1 : Cdf((level + 0.5) / 255)) - (level == 0 ? 0 : Cdf((level - 0.5) / 255));
            if (probability > 1e-6) Assert.Equal(-Math.Log(probability), plain[level].item(), 1e-8);
        }
    }

    [Fact]
    public void A_level_far_in_the_tail_has_a_finite_loss_and_gradient_where_the_difference_of_two_distribution_functions_is_zero()
    {
        using var scope = NewDisposeScope();
        var mean = tensor([-40f, 40f, 0f], [1, 1, 3]).requires_grad_();
        var scale = full([1], -3).requires_grad_();

        var loss = Fused.discretised_logistic_nll(mean, tensor([0.5f, 0.5f, 1f], [1, 1, 3]), scale);
        loss.sum().backward();

        // -ln P = |x - m| / s + ln s - ln width, to within the level's own width.
        var expected = 2 * ((40.0 * Math.Exp(3)) - 3 + Math.Log(255)) + (Math.Exp(3) * (1 - (1.0 / 510)));
        Assert.Equal(expected, loss.item(), expected * 1e-3);
        Assert.All(mean.grad!.ToArray<float>(), g => Assert.True(float.IsFinite(g) && g != 0));
        Assert.True(float.IsFinite(scale.grad!.ToArray<float>()[0]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_own_loops_and_their_gradients_equal_plain_operations_in_double(int replicas)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        var values = (randn([replicas, 6, 19], generator: generator) * 2).detach();
        var target = (rand([6, 19], generator: generator) * 255).round() / 255;
        var log = randn([replicas], generator: generator) - 2;
        var weights = arange(1, replicas + 1, 1, float32);
        foreach (var logistic in (bool[])[false, true])
        {
            var (a, s) = (values.clone().requires_grad_(), log.clone().requires_grad_());
            var (a64, s64) = (values.to(float64).requires_grad_(), log.to(float64).requires_grad_());

            var actual = logistic ? Fused.discretised_logistic_nll(a, target, s, 0.5) : Fused.continuous_bernoulli_nll(a, target, 0.5);
            var expected = logistic ? Fused.discretised_logistic_nll(a64, target.to(float64), s64, 0.5) : Fused.continuous_bernoulli_nll(a64, target.to(float64), 0.5);
            (actual * weights).sum().backward();
            (expected * weights.to(float64)).sum().backward();

            TorchSupport.Close(expected, actual, Epsilon, 1e-5);
            TorchSupport.Close(a64.grad!, a.grad!, 2e-5, 3e-7 * (logistic ? 100 : 1));
            if (logistic) TorchSupport.Close(s64.grad!, s.grad!, 2e-5, 1e-4);
        }
    }

    [Fact]
    public void Gradients_in_double_follow_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var values = (randn([2, 3, 4], float64, generator: generator) * 1.5).requires_grad_();
        var target = (rand([3, 4], float64, generator: generator) * 255).round() / 255;
        var log = tensor([-0.3, -2.2]).requires_grad_();
        var weights = tensor([0.7, -0.4]);
        Tensor Continuous(Tensor a) => (Fused.continuous_bernoulli_nll(a, target, 0.5) * weights).sum();
        Tensor Logistic(Tensor m, Tensor s) => (Fused.discretised_logistic_nll(m, target, s, 0.5) * weights).sum();

        Continuous(values).backward();
        TorchSupport.Close(TorchSupport.Differences(values, x => Continuous(x).item()), values.grad!.ToArray<double>(), 1e-7, 1e-8);
        values.grad = null;
        Logistic(values, log).backward();
        TorchSupport.Close(TorchSupport.Differences(values, x => Logistic(x, log).item()), values.grad!.ToArray<double>(), 1e-6, 1e-7);
        TorchSupport.Close(TorchSupport.Differences(log, s => Logistic(values, s).item()), log.grad!.ToArray<double>(), 1e-6, 1e-7);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_slots_loss_and_gradients_are_those_of_its_rows_alone_whatever_the_others_hold(bool logistic, bool general)
    {
        using var scope = NewDisposeScope();
        var type = general ? float64 : float32;
        var values = randn([3, 5, 9]);
        values[1].fill_(float.NaN); // An empty slot, and rows beyond a slot's own.
        values[2].narrow(0, 2, 3).fill_(float.PositiveInfinity);
        values = values.to(type).requires_grad_();
        var x = ((rand([1, 5, 9]) * 255).round() / 255).to(type);
        var log = (randn([3]) - 2).to(type).requires_grad_();
        float[] scales = [0.25f, 5f, 0.5f];

        var rows = zeros([3], int32);
        s_rows.CopyTo(rows.data<int>());
        var loss = logistic ? Fused.discretised_logistic_nll(values, x, log, rows, tensor(scales)) : Fused.continuous_bernoulli_nll(values, x, rows, tensor(scales));
        loss.sum().backward();

        for (var k = 0; k < 3; k++)
        {
            var alone = values.detach()[k].narrow(0, 0, s_rows[k]).clone().requires_grad_();
            var ownLog = log.detach().narrow(0, k, 1).clone().requires_grad_();
            var own = x[0].narrow(0, 0, s_rows[k]);
            var expected = logistic ? Fused.discretised_logistic_nll(alone, own, ownLog, scales[k]) : Fused.continuous_bernoulli_nll(alone, own, scales[k]);
            expected.sum().backward();
            TorchSupport.Close(expected.detach(), loss.detach().narrow(0, k, 1), 1e-6, 1e-7);
            TorchSupport.Close(alone.grad!, values.grad![k].narrow(0, 0, s_rows[k]), 1e-6, 1e-7);
            Assert.All(values.grad[k].narrow(0, s_rows[k], 5 - s_rows[k]).contiguous().to(float64).ToArray<double>(), g => Assert.Equal(0, g));
            if (logistic) TorchSupport.Close(ownLog.grad!, log.grad!.narrow(0, k, 1), 1e-5, 1e-6);
        }
    }

    [Fact]
    public void A_diverged_value_shows_in_the_loss()
    {
        using var scope = NewDisposeScope();
        var values = tensor([0f, float.NaN, 1f], [1, 1, 3]);

        Assert.True(double.IsNaN(Fused.continuous_bernoulli_nll(values, zeros([1, 3])).item()));
        Assert.True(double.IsNaN(Fused.discretised_logistic_nll(values, zeros([1, 3]), zeros([1])).item()));
    }
}
