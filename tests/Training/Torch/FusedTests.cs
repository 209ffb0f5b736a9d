using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class FusedTests
{
    private const double Epsilon = 3e-6;

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Bernoulli_likelihood_and_gradient_equal_the_formula_in_double(int replicas, bool ownTargets)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var logits = (randn([replicas, 7, 33], generator: generator) * 5).detach();
        var target = rand(ownTargets ? [replicas, 7, 33] : [7, 33], generator: generator);
        var (fast, slow) = (logits.clone().requires_grad_(), logits.to(float64).requires_grad_());

        var actual = Fused.bernoulli_logits_nll(fast, target, 0.25);
        var expected = PlainBernoulli(slow, target.to(float64)) * 0.25;
        actual.sum().backward();
        expected.sum().backward();

        TorchSupport.Close(expected, actual, Epsilon);
        TorchSupport.Close(slow.grad!, fast.grad!, Epsilon, 1e-8);
    }

    [Fact]
    public void Bernoulli_likelihood_is_exact_for_extreme_logits()
    {
        using var scope = NewDisposeScope();
        float[] logits = [-300, -100, -90, -88, -20, -1e-4f, 0, 1e-30f, 15, 88, 90, 300];
        foreach (var a in logits)
            foreach (var x in (float[])[0, 1])
            {
                var actual = Fused.bernoulli_logits_nll(tensor([a], [1, 1]), tensor([x], [1, 1])).item();
                var expected = Math.Max(a, 0) - (double)a * x + Math.Log(1 + Math.Exp(-Math.Abs((double)a)));
                if (expected < 1e-12) expected = Math.Exp(-Math.Abs((double)a));
                Assert.Equal(expected, actual, Math.Max(1e-37, Math.Abs(expected) * 1e-6));
            }
    }

    [Fact]
    public void The_vector_functions_stay_within_a_millionth_over_their_range()
    {
        using var scope = NewDisposeScope();
        const int n = 200_001;
        var a = ((arange(n, float64) / (n - 1) - 0.5) * 170).to(float32).view(n, 1);
        var leaf = a.clone().requires_grad_();
        var zero = tensor([0f], [1, 1]).expand(n, 1).contiguous();
        Fused.bernoulli_logits_nll(leaf.view(n, 1, 1), zero.view(n, 1, 1)).sum().backward();
        var x = a.to(float64);
        var perElement = Fused.bernoulli_logits_nll(a.view(n, 1, 1), zero.view(n, 1, 1));

        TorchSupport.Close(x.clamp(0, 1e9) + (-x.abs()).exp().log1p(), perElement.view(n, 1), 1e-6, 1e-38);
        TorchSupport.Close(x.sigmoid(), leaf.grad!, 1e-6, 1e-38);
    }

    [Fact]
    public void A_gradient_other_than_one_scales_each_replica_by_its_own()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var logits = randn([3, 4, 5], generator: generator);
        var target = rand([4, 5], generator: generator);
        var weights = tensor([0.5f, 2f, -1f]);
        var (fast, slow) = (logits.clone().requires_grad_(), logits.to(float64).requires_grad_());

        (Fused.bernoulli_logits_nll(fast, target) * weights).sum().backward();
        (PlainBernoulli(slow, target.to(float64)) * weights.to(float64)).sum().backward();

        TorchSupport.Close(slow.grad!, fast.grad!, Epsilon, 1e-7);
    }

    [Fact]
    public void Sums_are_accurate_for_many_elements()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var logits = randn([1, 128, 12_288], generator: generator);
        var target = rand([128, 12_288], generator: generator);

        var expected = PlainBernoulli(logits.to(float64), target.to(float64)).item();

        Assert.Equal(expected, Fused.bernoulli_logits_nll(logits, target).item(), expected * 2e-7);
    }

    [Fact]
    public void A_diverged_logit_shows_in_the_loss()
    {
        using var scope = NewDisposeScope();
        var logits = tensor([0f, float.NaN, 1f], [1, 1, 3]);

        Assert.True(double.IsNaN(Fused.bernoulli_logits_nll(logits, zeros([1, 3])).item()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Gaussian_likelihood_and_its_gradients_equal_the_formula_in_double(int replicas)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var mean = randn([replicas, 6, 19], generator: generator);
        var target = randn([6, 19], generator: generator);
        var log = randn([replicas], generator: generator);
        var (m, s) = (mean.clone().requires_grad_(), log.clone().requires_grad_());
        var (m64, s64) = (mean.to(float64).requires_grad_(), log.to(float64).requires_grad_());
        var weights = arange(1, replicas + 1, 1, float32);

        var actual = Fused.gaussian_nll(m, target, s, 0.5);
        var l = s64.view(replicas, 1, 1);
        var expected = ((target.to(float64) - m64).square() * (-l).exp() + l + Math.Log(2 * Math.PI)).sum([1, 2]) * 0.25;
        (actual * weights).sum().backward();
        (expected * weights.to(float64)).sum().backward();

        TorchSupport.Close(expected, actual, Epsilon, 1e-5);
        TorchSupport.Close(m64.grad!, m.grad!, Epsilon, 1e-7);
        TorchSupport.Close(s64.grad!, s.grad!, Epsilon, 1e-5);
    }

    [Fact]
    public void Likelihoods_in_double_follow_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var values = (randn([2, 3, 4], float64, generator: generator) * 3).requires_grad_();
        var target = rand([3, 4], float64, generator: generator);
        var log = tensor([0.3, -1.2]).requires_grad_();
        var weights = tensor([0.7, -0.4]);
        Tensor Bernoulli(Tensor a) => (Fused.bernoulli_logits_nll(a, target, 0.5) * weights).sum();
        Tensor Gaussian(Tensor m, Tensor s) => (Fused.gaussian_nll(m, target, s, 0.5) * weights).sum();

        Bernoulli(values).backward();
        TorchSupport.Close(TorchSupport.Differences(values, x => Bernoulli(x).item()), values.grad!.ToArray<double>(), 1e-7, 1e-8);
        values.grad = null;
        Gaussian(values, log).backward();
        TorchSupport.Close(TorchSupport.Differences(values, x => Gaussian(x, log).item()), values.grad!.ToArray<double>(), 1e-7, 1e-7);
        TorchSupport.Close(TorchSupport.Differences(log, x => Gaussian(values, x).item()), log.grad!.ToArray<double>(), 1e-7, 1e-7);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Both_paths_of_the_likelihoods_agree(int replicas)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(8);
        var values = randn([replicas, 5, 21], generator: generator) * 4;
        Tensor target = rand([5, 21], generator: generator), log = randn([replicas], generator: generator);

        TorchSupport.Close(Fused.bernoulli_logits_nll(values.to(float64), target.to(float64)), Fused.bernoulli_logits_nll(values, target), Epsilon);
        TorchSupport.Close(Fused.gaussian_nll(values.to(float64), target.to(float64), log.to(float64)), Fused.gaussian_nll(values, target, log), Epsilon);
    }

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(3, false, true)]
    [InlineData(3, true, true)]
    public void Gaussian_posterior_and_its_gradient_agree_on_both_paths(int replicas, bool ownNoise, bool masked)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var h = randn([replicas, 5, 12], generator: generator) * 4;
        var noise = randn(ownNoise ? [replicas, 5, 6] : [5, 6], generator: generator);
        var mask = masked ? (rand([replicas, 6], generator: generator) > 0.4).to(float32) : null;
        var (fast, slow) = (h.clone().requires_grad_(), h.to(float64).requires_grad_());
        var a = Fused.gaussian_posterior(fast, noise, mask);
        var b = Fused.gaussian_posterior(slow, noise.to(float64), mask?.to(float64));

        Weighted(a, float32).backward();
        Weighted(b, float64).backward();

        TorchSupport.Close(b.Sample, a.Sample, Epsilon, 1e-6);
        TorchSupport.Close(b.Divergence, a.Divergence, Epsilon, 1e-6);
        TorchSupport.Close(b.Mean, a.Mean, Epsilon);
        TorchSupport.Close(b.LogVariance, a.LogVariance, Epsilon, 2e-6);
        TorchSupport.Close(slow.grad!, fast.grad!, 1e-5, 1e-5);
    }

    [Fact]
    public void Gaussian_posterior_in_double_follows_the_written_formula_and_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var h = (randn([2, 3, 4], float64, generator: generator) * 3).requires_grad_();
        var noise = randn([3, 2], float64, generator: generator);
        var raw = h.detach().narrow(2, 2, 2);
        var l = 8 - (8 - ((raw + 12).softplus() - 12)).softplus();

        var posterior = Fused.gaussian_posterior(h, noise);
        TorchSupport.Close(l, posterior.LogVariance.detach(), 1e-12, 1e-12);
        TorchSupport.Close(h.detach().narrow(2, 0, 2) + (l / 2).exp() * noise, posterior.Sample.detach(), 1e-12);
        TorchSupport.Close(((h.detach().narrow(2, 0, 2).square() + l.exp() - 1 - l) * 0.5).sum(1), posterior.Divergence.detach(), 1e-6);
        Weighted(posterior, float64).backward();
        TorchSupport.Close(TorchSupport.Differences(h, x => Weighted(Fused.gaussian_posterior(x, noise), float64).item()), h.grad!.ToArray<double>(), 1e-6, 1e-7);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1e-4f)]
    [InlineData(-1e-3f)]
    [InlineData(0.049f)]
    [InlineData(0.051f)]
    [InlineData(-0.999f)]
    [InlineData(1.001f)]
    [InlineData(7.5f)]
    [InlineData(-11.9f)]
    public void Divergence_keeps_its_relative_precision_near_zero_log_variance(float raw)
    {
        using var scope = NewDisposeScope();
        var posterior = Fused.gaussian_posterior(tensor([0, raw], [1, 1, 2]), zeros([1, 1]));
        var l = (double)posterior.LogVariance.ToArray<float>()[0];
        // The series in double is exact enough everywhere below 0.1; beyond, the plain form is.
        var bracket = Math.Abs(l) < 0.1 ? l * l / 2 * (1 + l / 3 * (1 + l / 4 * (1 + l / 5 * (1 + l / 6)))) : Math.Exp(l) - 1 - l;

        Assert.Equal(bracket / 2, posterior.Divergence.item(), bracket / 2 * 1e-6 + 1e-30);
    }

    [Fact]
    public void A_masked_dimension_is_exactly_nothing_even_where_it_is_not_finite()
    {
        using var scope = NewDisposeScope();
        var h = tensor([1f, float.NaN, 0.5f, float.PositiveInfinity], [1, 1, 4]).requires_grad_();
        var posterior = Fused.gaussian_posterior(h, ones([1, 2]), tensor([1f, 0f], [1, 2]));
        (posterior.Sample.sum() + posterior.Divergence.sum()).backward();

        Assert.Equal(0f, posterior.Sample.ToArray<float>()[1]);
        Assert.Equal(0f, posterior.Divergence.ToArray<float>()[1]);
        var gradient = h.grad!.ToArray<float>();
        Assert.Equal((0f, 0f), (gradient[1], gradient[3]));
        Assert.NotEqual(0f, gradient[0]);
    }

    [Fact]
    public void Without_replicas_the_shapes_are_plain()
    {
        using var scope = NewDisposeScope();
        var posterior = Fused.gaussian_posterior(randn([4, 6]), randn([4, 3]));

        Assert.Equal([4, 3], posterior.Sample.shape);
        Assert.Equal([1, 3], posterior.Divergence.shape);
        Assert.Equal([1], Fused.bernoulli_logits_nll(randn([4, 6]), rand([4, 6])).shape);
        Assert.Equal([1], Fused.gaussian_nll(randn([4, 6]), rand([4, 6]), zeros([1])).shape);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        Tensor h = zeros([2, 4, 6]), noise = zeros([5, 3]), target = zeros([4, 5]);

        Assert.Contains("[5, 3]", Assert.Throws<TorchException>(() => Fused.gaussian_posterior(h, noise)).Message, StringComparison.Ordinal);
        Assert.Contains("[4, 5]", Assert.Throws<TorchException>(() => Fused.bernoulli_logits_nll(h, target)).Message, StringComparison.Ordinal);
    }

    private static Tensor PlainBernoulli(Tensor a, Tensor x) => (a.clamp(0, double.PositiveInfinity) - a * x + (-a.abs()).exp().log1p()).sum([1, 2]);

    // A loss that sends a different gradient to each element of all four results.
    private static Tensor Weighted(GaussianPosterior p, ScalarType type)
    {
        Tensor Weights(Tensor t) => (arange(t.numel(), type) * 0.37).sin().view(t.shape);
        return (p.Sample * Weights(p.Sample)).sum() + (p.Divergence * (Weights(p.Divergence) + 2)).sum()
            + (p.Mean * Weights(p.Mean) * 0.5).sum() + (p.LogVariance * Weights(p.LogVariance) * 0.25).sum();
    }
}
