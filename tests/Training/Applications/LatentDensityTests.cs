using Vae.Models.Applications;
using Vae.Torch;

namespace Vae.Tests.Training.Applications;

public sealed class LatentDensityTests : TorchTest
{
    [Fact]
    public void One_component_is_the_gaussian_of_the_rows_moments()
    {
        var rows = Rows(5_000, (2, -1), correlated: true);

        var density = LatentDensity.Fit(rows, 2, 1, 1);

        var drawn = density.Draw(50_000, 3);
        Assert.Equal(Mean(rows, 0), density.Mean(0)[0], 1e-5);
        Assert.Equal(Covariance(rows, 0, 0), Covariance(drawn, 0, 0), 0.05);
        Assert.Equal(Covariance(rows, 0, 1), Covariance(drawn, 0, 1), 0.05);
        Assert.Equal(Covariance(rows, 1, 1), Covariance(drawn, 1, 1), 0.05);
        Assert.True(Covariance(rows, 0, 1) > 0.5, "The rows should be correlated, or the test would not see a diagonal covariance.");
    }

    [Fact]
    public void The_log_density_of_one_component_is_the_formula_of_a_gaussian()
    {
        float[] rows = [-1, 0, 1, 0, 0, -2, 0, 2];

        var density = LatentDensity.Fit(rows, 2, 1, 1); // Mean 0; variances 1/2 and 2, no covariance.

        var expected = -Math.Log(2 * Math.PI) - (0.5 * ((1 / 0.5) + (1 / 2.0))); // The determinant is 1.
        Assert.Equal(expected, density.LogDensity([1, 1]), 1e-4);
    }

    [Fact]
    public void A_mixture_finds_the_clusters_that_were_planted()
    {
        float[] rows = [.. Rows(3_000, (-6, 0), false), .. Rows(1_000, (6, 3), false)];

        var density = LatentDensity.Fit(rows, 2, 2, 1);

        var left = density.Mean(0)[0] < density.Mean(1)[0] ? 0 : 1;
        Assert.Equal(-6, density.Mean(left)[0], 0.1);
        Assert.Equal(6, density.Mean(1 - left)[0], 0.15);
        Assert.Equal(0.75, density.Weights[left], 0.01);
        Assert.Equal(1, density.Weights.Sum(), 1e-9);
        var drawn = density.Draw(20_000, 5);
        Assert.Equal(0.75, Enumerable.Range(0, 20_000).Count(row => drawn[2 * row] < 0) / 20_000.0, 0.02);
    }

    [Fact]
    public void The_likelihood_does_not_fall_from_round_to_round_and_more_components_fit_better()
    {
        float[] rows = [.. Rows(400, (-2, 0), true), .. Rows(400, (2, 1), false), .. Rows(400, (0, 3), false)];

        var three = LatentDensity.Fit(rows, 2, 3, 1);

        Assert.True(three.History.Count > 3, "Overlapping clusters should take some rounds.");
        Assert.All(three.History.Zip(three.History.Skip(1)), pair => Assert.True(pair.Second >= pair.First - 1e-5, $"{pair.First} fell to {pair.Second}"));
        Assert.True(three.History[^1] > LatentDensity.Fit(rows, 2, 1, 1).History[^1] + 0.05);
    }

    [Fact]
    public void The_same_rows_and_seed_give_the_same_density_and_draws()
    {
        var rows = Rows(500, (0, 0), true);

        var (first, second) = (LatentDensity.Fit(rows, 2, 4, 9), LatentDensity.Fit(rows, 2, 4, 9));

        Assert.Equal(first.History, second.History);
        Assert.Equal(first.Draw(10, 2), second.Draw(10, 2));
        Assert.NotEqual(first.Draw(10, 2), second.Draw(10, 3));
    }

    [Fact]
    public void Rows_in_a_plane_and_equal_rows_still_have_a_density()
    {
        var flat = Rows(100, (1, 1), false);
        for (var i = 1; i < flat.Length; i += 2) flat[i] = 4;

        Assert.Equal(4, LatentDensity.Fit(flat, 2, 2, 1).Draw(5, 1)[1], 0.1f);
        Assert.Equal(3, LatentDensity.Fit([3, 3, 3, 3, 3, 3, 3, 3], 2, 2, 1).Draw(5, 1)[0], 0.1f);
    }

    [Fact]
    public void Too_few_rows_and_numbers_that_are_not_finite_are_refused()
    {
        Assert.Throws<ArgumentException>(() => LatentDensity.Fit([1, 2, 3, 4], 2, 2, 1));
        Assert.Throws<ArgumentException>(() => LatentDensity.Fit([1, float.NaN, 3, 4], 2, 1, 1));
        Assert.Throws<ArgumentException>(() => LatentDensity.Fit([1, 2, 3], 2, 1, 1));
    }

    private static float[] Rows(int count, (float X, float Y) centre, bool correlated)
    {
        using var scope = torch.NewDisposeScope();
        var rows = torch.randn([count, 2]).ToArray<float>();
        for (var i = 0; i < rows.Length; i += 2)
        {
            if (correlated) rows[i + 1] = rows[i] + (0.5f * rows[i + 1]);
            rows[i] += centre.X;
            rows[i + 1] += centre.Y;
        }

        return rows;
    }

    private static double Mean(float[] rows, int column) => Enumerable.Range(0, rows.Length / 2).Average(row => (double)rows[(2 * row) + column]);

    private static double Covariance(float[] rows, int a, int b)
    {
        var (meanA, meanB) = (Mean(rows, a), Mean(rows, b));
        return Enumerable.Range(0, rows.Length / 2).Average(row => (rows[(2 * row) + a] - meanA) * (rows[(2 * row) + b] - meanB));
    }
}
