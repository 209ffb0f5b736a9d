using Vae.Models.Objectives;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

public sealed class GaussiansTests : TorchTest
{
    private static readonly float[] Means = [-2f, 0.3f, 0f, 5f, 1e-3f], PriorMeans = [1f, 0.3f, 0f, 4.9f, 0f];
    private static readonly float[] LogVariances = [0.5f, -3f, 7.9f, -8f, 2f], PriorLogVariances = [-1f, -3f, -7.9f, 3f, 1.999f];

    [Fact]
    public void Merged_densities_are_the_normalised_product_in_units_of_the_prior()
    {
        var merged = Gaussians.Merge(Of(Means, LogVariances), Of(PriorMeans, PriorLogVariances));

        var (mean, logVariance) = (merged.Mean.ToArray<float>(), merged.LogVariance.ToArray<float>());
        for (var i = 0; i < Means.Length; i++)
        {
            var (data, prior) = (Math.Exp(-LogVariances[i]), Math.Exp(-PriorLogVariances[i]));
            var product = ((Means[i] * data) + (PriorMeans[i] * prior)) / (data + prior);
            Close((product - PriorMeans[i]) * Math.Sqrt(prior), mean[i], 5e-6);
            Close(-Math.Log(1 + (data / prior)), logVariance[i], 5e-6); // Relative: where the data say nothing it is as small as 1e-5.
        }
    }

    [Theory]
    [InlineData(-1e-6)]
    [InlineData(-1e-3)]
    [InlineData(-0.0499)]
    [InlineData(-0.0501)]
    [InlineData(-3)]
    [InlineData(-15)]
    [InlineData(2)]
    public void Excess_keeps_its_relative_precision_near_0_and_its_gradient(double x)
    {
        using var value = torch.tensor([(float)x]).requires_grad_();

        var excess = Gaussians.Excess(value);
        excess.backward();

        double exact = (float)x;
        var series = exact * exact * (0.5 + (exact / 6) + (exact * exact / 24) + (exact * exact * exact / 120) + (exact * exact * exact * exact / 720));
        var expected = Math.Abs(exact) < 0.05 ? series : Math.Exp(exact) - 1 - exact;
        Assert.Equal(expected, excess.item<float>(), Math.Abs(expected) * 1e-5);
        Assert.Equal(Math.Exp(exact) - 1, value.grad!.item<float>(), (Math.Abs(exact) * 1e-5) + 1e-12);
    }

    [Fact]
    public void Divergence_is_that_of_two_gaussians_in_closed_form_and_the_mean_difference_of_their_log_densities()
    {
        const int draws = 200_000;
        double[] suggested = [0.4, -0.7], prior = [-0.3, 0.2]; // Mean and log variance.
        var precision = Math.Exp(-suggested[1]) + Math.Exp(-prior[1]);
        double[] product = [((suggested[0] * Math.Exp(-suggested[1])) + (prior[0] * Math.Exp(-prior[1]))) / precision, -Math.Log(precision)];
        // KL of two Gaussians: half of l_p - l_q + (e^l_q + (m_q - m_p)^2) e^-l_p - 1.
        var exact = 0.5 * (prior[1] - product[1] + ((Math.Exp(product[1]) + Math.Pow(product[0] - prior[0], 2)) * Math.Exp(-prior[1])) - 1);

        var merged = Gaussians.Merge(Of([0.4f], [-0.7f]), Of([-0.3f], [0.2f]));

        Close(exact, Gaussians.Divergence(merged).item<float>(), 1e-5);
        using var generator = new torch.Generator(3);
        var z = Of([-0.3f], [0.2f]).Sample(merged.Sample(torch.zeros([draws, 1]).normal_(generator: generator))).ToArray<float>();
        var differences = z.Select(value => LogDensity(value, product) - LogDensity(value, prior)).ToArray();
        var mean = differences.Average();
        var error = Math.Sqrt(differences.Sum(value => (value - mean) * (value - mean)) / draws / draws);
        Assert.Equal(exact, mean, 4 * error);

        static double LogDensity(double at, double[] of) => -0.5 * (((at - of[0]) * (at - of[0]) * Math.Exp(-of[1])) + of[1] + Math.Log(2 * Math.PI));
    }

    [Fact]
    public void Log_variances_are_clamped_like_those_of_the_fused_posterior()
    {
        var raw = torch.tensor([1f, -2f, 0.1f, -40f, 0f, 40f, 3f, -11f], [1, 2, 4]);

        var own = DiagonalGaussian.Of(raw);
        var fused = Fused.gaussian_posterior(raw, torch.zeros([1, 2, 2]));

        Assert.Equal(fused.Mean.ToArray<float>(), own.Mean.contiguous().ToArray<float>());
        foreach (var (want, have) in fused.LogVariance.ToArray<float>().Zip(own.LogVariance.contiguous().ToArray<float>())) Assert.Equal(want, have, 1e-5);
    }

    private static DiagonalGaussian Of(float[] means, float[] logVariances) => new(torch.tensor(means), torch.tensor(logVariances));

    private static void Close(double expected, double actual, double relative) => Assert.Equal(expected, actual, (Math.Abs(expected) * relative) + 1e-12);
}
