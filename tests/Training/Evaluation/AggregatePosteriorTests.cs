using Vae.Models.Evaluation;
using Vae.Shared.Determinism;

namespace Vae.Tests.Training.Evaluation;

/// <summary>The rate in two parts, against numerical integration.</summary>
public sealed class AggregatePosteriorTests
{
    private static readonly double[] Means = [-2, -0.5, 0.1, 1.7];
    private static readonly double[] Deviations = [0.3, 0.8, 0.5, 0.2];

    [Fact]
    public void One_latent_and_four_rows_agree_with_quadrature_within_the_stated_error()
    {
        var (information, marginal) = Quadrature();
        const int repeats = 500; // The mixture of many copies of four rows is the mixture of the four.
        var estimate = Estimated(repeats);

        Assert.InRange(Math.Abs(estimate.MutualInformation.Value - information), 0, 4 * estimate.MutualInformation.StandardError);
        Assert.InRange(Math.Abs(estimate.MarginalKl.Value - marginal), 0, 4 * estimate.MarginalKl.StandardError);
        Assert.InRange(estimate.MarginalKl.StandardError, 1e-3, 0.1);
    }

    [Fact]
    public void Both_parts_add_up_to_the_closed_form_of_the_rate()
    {
        var rate = Enumerable.Range(0, 4).Average(i => 0.5 * ((Means[i] * Means[i]) + (Deviations[i] * Deviations[i]) - 1 - Math.Log(Deviations[i] * Deviations[i])));
        var (information, marginal) = Quadrature();
        Assert.Equal(rate, information + marginal, 1e-8);
        var estimate = Estimated(500);
        Assert.Equal(estimate.Rate.Value, estimate.MutualInformation.Value + estimate.MarginalKl.Value, 1e-9);
        Assert.InRange(Math.Abs(estimate.Rate.Value - rate), 0, 4 * estimate.Rate.StandardError);
    }

    [Fact]
    public void Far_apart_posteriors_tell_the_row_and_equal_ones_tell_nothing()
    {
        var apart = Of([-50, 0, 50, 100], [0.1, 0.1, 0.1, 0.1], 1);
        Assert.Equal(Math.Log(4), apart.MutualInformation.Value, 1e-9);
        var equal = Of([0, 0, 0, 0], [1, 1, 1, 1], 100);
        Assert.Equal(0, equal.MutualInformation.Value, 1e-9);
        Assert.Equal(0, equal.MarginalKl.Value, 1e-6);
    }

    private static AggregatePosterior Estimated(int repeats) => Of(Means, Deviations, repeats);

    private static AggregatePosterior Of(double[] means, double[] deviations, int repeats)
    {
        var n = means.Length * repeats;
        var (mean, log, z, prior) = (new float[n], new float[n], new float[n], new double[n]);
        var random = new Prng(5);
        for (var i = 0; i < n; i++)
        {
            (mean[i], log[i]) = ((float)means[i % means.Length], (float)(2 * Math.Log(deviations[i % means.Length])));
            z[i] = (float)(mean[i] + (deviations[i % means.Length] * Normal(random)));
            prior[i] = -0.5 * ((z[i] * z[i]) + Math.Log(2 * Math.PI));
        }

        return AggregatePosterior.Of(new(mean, 1), new(log, 1), new(z, 1), prior);
    }

    private static (double Information, double Marginal) Quadrature()
    {
        const double step = 1e-4;
        double information = 0, marginal = 0;
        for (var z = -8.0; z <= 8; z += step)
        {
            var densities = Enumerable.Range(0, 4).Select(i => Density(z, Means[i], Deviations[i])).ToArray();
            var all = densities.Average();
            if (all < 1e-300) continue;
            foreach (var density in densities) if (density > 1e-300) information += density / 4 * Math.Log(density / all) * step;
            marginal += all * Math.Log(all / Density(z, 0, 1)) * step;
        }

        return (information, marginal);
    }

    private static double Density(double z, double mean, double deviation) => Math.Exp(-0.5 * (z - mean) * (z - mean) / (deviation * deviation)) / (deviation * Math.Sqrt(2 * Math.PI));

    private static double Normal(Prng random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
