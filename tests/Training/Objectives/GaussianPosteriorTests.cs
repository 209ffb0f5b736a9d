using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>The reparametrised posterior against calculus: derivatives of a draw, averages of gradients, and the divergence by quadrature.</summary>
public sealed class GaussianPosteriorTests : TorchTest
{
    [Fact]
    public void Draw_moves_with_the_mean_one_to_one_and_with_the_log_variance_by_half_its_distance_from_the_mean()
    {
        using var scope = torch.NewDisposeScope();
        var head = torch.tensor([0.4, -1.2, 0.9, -2.5, 0.3, 1.1], [1, 1, 6]).requires_grad_();
        var posterior = Fused.gaussian_posterior(head, torch.tensor([0.7, -1.9, 0.2], [1, 1, 3]));

        var draws = torch.autograd.grad([posterior.Sample.sum()], [head], retain_graph: true)[0]!.ToArray<double>();
        var logs = torch.autograd.grad([posterior.LogVariance.sum()], [head], retain_graph: true)[0]!.ToArray<double>();

        var (z, mean) = (posterior.Sample.detach().ToArray<double>(), posterior.Mean.detach().ToArray<double>());
        for (var j = 0; j < 3; j++)
        {
            Assert.Equal(1, draws[j], 1e-12);
            Assert.Equal((z[j] - mean[j]) / 2, draws[3 + j] / logs[3 + j], 1e-9); // The network's number is clamped smoothly; its log variance moves by logs.
        }
    }

    [Fact]
    public void Averaged_gradients_of_a_squared_draw_are_twice_the_mean_and_the_variance()
    {
        using var scope = torch.NewDisposeScope();
        const int draws = 400_000;
        var head = torch.tensor([0.8f, -0.6f], [1, 1, 2]).requires_grad_();
        var noise = torch.randn([1, draws, 1]);
        var posterior = Fused.gaussian_posterior(head.expand(1, draws, 2).contiguous(), noise);

        var gradient = torch.autograd.grad([posterior.Sample.square().sum()], [head], retain_graph: true)[0]!.ToArray<float>();
        var clamp = torch.autograd.grad([posterior.LogVariance.sum()], [head])[0]!.ToArray<float>()[1] / draws;

        var (mean, log) = (0.8, posterior.LogVariance.detach()[0][0][0].item());
        // Variance of 2z is 4 e^l; of z (z - mu), the gradient by the log variance, mu^2 e^l + 2 e^2l.
        Assert.Equal(2 * mean, gradient[0] / draws, 4 * Math.Sqrt(4 * Math.Exp(log) / draws));
        Assert.Equal(Math.Exp(log), gradient[1] / draws / clamp, 4 * Math.Sqrt(((mean * mean * Math.Exp(log)) + (2 * Math.Exp(2 * log))) / draws));
    }

    [Theory]
    [InlineData(0.7, -0.4)]
    [InlineData(-1.3, 0.9)]
    [InlineData(0, 0)]
    [InlineData(2, -4)]
    public void Divergence_in_one_dimension_is_its_integral(double mean, double raw)
    {
        using var scope = torch.NewDisposeScope();
        var posterior = Fused.gaussian_posterior(torch.tensor([mean, raw], [1, 1, 2]), torch.zeros([1, 1, 1], ScalarType.Float64));
        var log = posterior.LogVariance.item();

        // The trapezoidal rule is exact to rounding for functions that vanish at both ends with all derivatives.
        const int points = 4_001;
        var (scale, sum) = (Math.Exp(log / 2), 0.0);
        for (var i = 0; i < points; i++)
        {
            var e = -14 + (28.0 * i / (points - 1));
            var z = mean + (scale * e);
            sum += Math.Exp(-0.5 * e * e) / Math.Sqrt(2 * Math.PI) * ((-0.5 * e * e) - (0.5 * log) + (0.5 * z * z));
        }

        Assert.Equal(sum * 28 / (points - 1), posterior.Divergence.item(), 1e-10);
    }

    [Theory]
    [InlineData(-1e4f)]
    [InlineData(-100f)]
    [InlineData(100f)]
    [InlineData(1e4f)]
    [InlineData(3e38f)]
    public void No_raw_log_variance_overflows_the_draw_the_divergence_or_a_gradient(float raw)
    {
        using var scope = torch.NewDisposeScope();
        var head = torch.tensor([0.5f, raw], [1, 1, 2]).requires_grad_();
        var posterior = Fused.gaussian_posterior(head, torch.tensor([3f], [1, 1, 1]));

        (posterior.Sample.sum() + posterior.Divergence.sum()).backward();

        Assert.InRange(posterior.LogVariance.item(), -12.01, 8.01);
        Assert.True(float.IsFinite((float)posterior.Sample.item()) && float.IsFinite((float)posterior.Divergence.item()));
        Assert.All(head.grad!.ToArray<float>(), value => Assert.True(float.IsFinite(value)));
    }
}
