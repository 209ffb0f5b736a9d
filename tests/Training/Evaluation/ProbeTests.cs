using Vae.Models.Evaluation;
using Vae.Shared.Determinism;

namespace Vae.Tests.Training.Evaluation;

/// <summary>Classifiers on latents, and scores of scores.</summary>
public sealed class ProbeTests : TorchTest
{
    [Fact]
    public void Separable_classes_are_told_apart_by_both_probes()
    {
        var (train, trainLabels) = Blobs(600, 1, spread: 0.1);
        var (test, testLabels) = Blobs(300, 2, spread: 0.1);
        Assert.Equal(1, Probes.Linear(train, trainLabels, test, testLabels));
        Assert.Equal(1, Probes.Nearest(train, trainLabels, test, testLabels));
    }

    [Fact]
    public void Rings_are_told_apart_by_neighbours_but_not_by_a_line()
    {
        var (train, trainLabels) = Rings(800, 1);
        var (test, testLabels) = Rings(400, 2);
        Assert.InRange(Probes.Linear(train, trainLabels, test, testLabels), 0.3, 0.65);
        Assert.InRange(Probes.Nearest(train, trainLabels, test, testLabels), 0.97, 1);
    }

    [Fact]
    public void The_scale_of_a_dimension_does_not_matter_to_the_linear_probe()
    {
        var (train, labels) = Blobs(500, 1, spread: 2.5);
        var (test, testLabels) = Blobs(500, 2, spread: 2.5);
        var expected = Probes.Linear(train, labels, test, testLabels);
        Assert.Equal(expected, Probes.Linear(Scaled(train), labels, Scaled(test), testLabels), 0.01);
        Assert.InRange(expected, 0.5, 0.99);
    }

    [Fact]
    public void Ridge_regression_reaches_the_point_where_the_gradient_vanishes()
    {
        var (train, labels) = Blobs(300, 4, spread: 1.5);
        var inputs = Standardised.By(train).Apply(train);
        var model = SoftmaxModel.FitRidge(inputs, labels, 3, 0.01);
        Assert.True(model.Converged);
        Assert.InRange(model.Iterations, 1, 200);
        var best = Loss(inputs, labels, model.Weights, model.Biases, 0.01);
        var random = new Prng(1);
        for (var trial = 0; trial < 50; trial++)
        {
            double[] weights = [.. model.Weights.Select(weight => weight + (1e-3 * (random.NextDouble() - 0.5)))];
            Assert.True(Loss(inputs, labels, weights, model.Biases, 0.01) >= best - 1e-12);
        }
    }

    [Fact]
    public void The_lasso_sets_useless_weights_to_nothing_and_meets_its_optimality_conditions()
    {
        var random = new Prng(9);
        var (values, labels) = (new float[400 * 4], new int[400]);
        for (var row = 0; row < 400; row++)
        {
            labels[row] = row % 2;
            for (var j = 0; j < 4; j++) values[(row * 4) + j] = (float)(random.NextDouble() - 0.5 + (j == 0 ? 0.6 * labels[row] : 0));
        }

        var table = new LatentTable(values, 4);
        var model = SoftmaxModel.FitLasso(Standardised.By(table).Apply(table), labels, 2, 0.02);
        Assert.True(model.Converged);
        Assert.True(Math.Abs(model.Weights[0]) > 0.1);
        for (var j = 1; j < 4; j++) Assert.InRange(Math.Abs(model.Weights[j]) + Math.Abs(model.Weights[4 + j]), 0, 0.1 * Math.Abs(model.Weights[0]));
        Assert.Contains(0.0, model.Weights);
    }

    [Fact]
    public void Votes_that_tie_go_to_the_class_of_the_nearest_row()
    {
        var train = new LatentTable([0f, 1f, 2f, 3f], 1);
        Assert.Equal(1, Probes.Nearest(train, [1, 0, 1, 0], new LatentTable([0.4f], 1), [1], neighbours: 2));
        Assert.Equal(1, Probes.Nearest(train, [1, 0, 1, 0], new LatentTable([0.6f], 1), [0], neighbours: 2));
        Assert.Equal(1, Probes.Nearest(train, [0, 1, 1, 0], new LatentTable([1.4f], 1), [1], neighbours: 3));
    }

    [Theory]
    [InlineData(new[] { 1.0, 2, 3 }, new[] { 4.0, 5 }, 1)]
    [InlineData(new[] { 4.0, 5 }, new[] { 1.0, 2, 3 }, 0)]
    [InlineData(new[] { 1.0, 1, 1 }, new[] { 1.0, 1 }, 0.5)]
    [InlineData(new[] { 1.0, 2 }, new[] { 2.0, 3 }, 0.875)]
    public void Anomaly_scores_that_are_equal_count_half(double[] ordinary, double[] anomalies, double expected) => Assert.Equal(expected, Auroc.Of(ordinary, anomalies), 1e-12);

    [Fact]
    public void Area_under_the_curve_is_the_share_of_pairs_in_the_right_order()
    {
        var random = new Prng(2);
        double[] ordinary = [.. Enumerable.Range(0, 70).Select(_ => (double)random.NextBelow(12))];
        double[] anomalies = [.. Enumerable.Range(0, 40).Select(_ => (double)random.NextBelow(15))];
        var pairs = ordinary.Sum(low => anomalies.Sum(high => high > low ? 1 : high == low ? 0.5 : 0));
        Assert.Equal(pairs / (70 * 40), Auroc.Of(ordinary, anomalies), 1e-12);
    }

    [Fact]
    public void Perplexity_of_the_whole_set_is_above_the_mean_of_its_batches()
    {
        Assert.Equal(4, Perplexity.Of([5, 5, 5, 5, 0]), 1e-12);
        Assert.Equal(1, Perplexity.Of([0, 9, 0]), 1e-12);
        Assert.Equal(1.5, (Perplexity.Of([3, 3, 0]) + Perplexity.Of([0, 0, 6])) / 2, 1e-12);
        Assert.True(Perplexity.Of([3, 3, 6]) > 2.8);
        Assert.Throws<ArgumentException>(() => Perplexity.Of([0, 0]));
    }

    private static LatentTable Scaled(LatentTable table) => new([.. table.Values.Select((value, i) => i % 2 == 0 ? value * 1000 : value * 0.01f)], 2);

    private static (LatentTable Table, int[] Labels) Blobs(int rows, ulong seed, double spread)
    {
        var random = new Prng(seed);
        double[][] centres = [[0, 0], [2, 0], [0, 2]];
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row % 3)];
        return (new([.. labels.SelectMany(label => centres[label].Select(centre => (float)(centre + (spread * (random.NextDouble() + random.NextDouble() - 1)))))], 2), labels);
    }

    private static (LatentTable Table, int[] Labels) Rings(int rows, ulong seed)
    {
        var random = new Prng(seed);
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => row % 2)];
        return (new([.. labels.SelectMany(label =>
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            var radius = 1 + label + (0.1 * random.NextDouble());
            return (float[])[(float)(radius * cos), (float)(radius * sin)];
        })], 2), labels);
    }

    private static double Loss(double[] inputs, int[] labels, double[] weights, double[] biases, double strength)
    {
        var (classes, size) = (biases.Length, weights.Length / biases.Length);
        double sum = 0;
        for (var row = 0; row < labels.Length; row++)
        {
            double[] scores = [.. Enumerable.Range(0, classes).Select(c => biases[c] + Enumerable.Range(0, size).Sum(j => weights[(c * size) + j] * inputs[(row * size) + j]))];
            sum += Math.Log(scores.Sum(Math.Exp)) - scores[labels[row]];
        }

        return (sum / labels.Length) + (strength / 2 * weights.Sum(weight => weight * weight));
    }
}
