using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>Losses written out once more, in double and pair by pair, from the formulas of the papers.</summary>
public sealed class WrittenLossTests : TorchTest
{
    private const int TrainRows = 60;

    // Unlike the identity at alpha = beta = gamma = 1, this sees which weight stands at which pair: a column in the place of the diagonal, or rows taken for columns.
    [Theory]
    [InlineData(TcEstimator.Mss, 0.7, 5, 1.3)]
    [InlineData(TcEstimator.Mss, 0, 1, 0)]
    [InlineData(TcEstimator.Mws, 0.7, 5, 1.3)]
    public void Total_correlation_is_that_of_the_written_estimator(TcEstimator estimator, double alpha, double beta, double gamma)
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(new TrainingSpec { Objective = TrainingObjective.Tc, TcEstimator = estimator, TcAlpha = alpha, Beta = beta, TcGamma = gamma }, trainRows: TrainRows);
        var posterior = Fused.gaussian_posterior(step.Network.Encode(step.X), step.Noise);
        var (z, mean, log, n) = (Rows(posterior.Sample), Rows(posterior.Mean), Rows(posterior.LogVariance), step.Batch);

        var (information, correlation, dimensions) = (0.0, 0.0, 0.0);
        for (var i = 0; i < n; i++)
        {
            var joint = Math.Log(Sum(j => Enumerable.Range(0, 3).Sum(d => LogDensity(z[i][d], mean[j][d], log[j][d]))));
            var marginals = Enumerable.Range(0, 3).Sum(d => Math.Log(Sum(j => LogDensity(z[i][d], mean[j][d], log[j][d]))));
            information += (Enumerable.Range(0, 3).Sum(d => LogDensity(z[i][d], mean[i][d], log[i][d])) - joint) / n;
            correlation += (joint - marginals) / n;
            dimensions += (marginals - z[i].Sum(value => LogDensity(value, 0, 0))) / n;

            double Sum(Func<int, double> logDensity) => Enumerable.Range(0, n).Sum(j => Weight(i, j) * Math.Exp(logDensity(j)));
        }

        Assert.Equal((alpha * information) + (beta * correlation) + (gamma * dimensions), step.Report(step.Objective.Forward(step.Inputs())).Penalty, 1e-4);

        // A row's own posterior stands for itself, the next one for all rows outside of the batch.
        double Weight(int i, int j) => estimator switch
        {
            TcEstimator.Mws => 1.0 / (n * TrainRows),
            _ when i == j => 1.0 / TrainRows,
            _ when j == (i + 1) % n => (double)(TrainRows - n + 1) / (TrainRows * (n - 1)),
            _ => 1.0 / (n - 1),
        };
    }

    [Fact]
    public void Penalty_of_factor_is_gamma_times_the_mean_advantage_of_latents_as_they_are()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Factor(gamma: 6);
        var z = Fused.gaussian_posterior(step.Network.Encode(step.X), step.Noise).Sample;
        var logits = step.Network.Discriminator!.forward(z);

        var penalty = step.Report(step.Objective.Forward(step.Inputs())).Penalty;

        var advantages = Enumerable.Range(0, step.Batch).Select(row => logits[0][row][0].item() - logits[0][row][1].item()).ToArray();
        Assert.Equal(6 * advantages.Average(), penalty, 1e-5);
        Assert.NotEqual(0, penalty, 1e-4);
    }

    [Fact]
    public void Factor_without_weight_leaves_the_bound()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Factor(gamma: 0);
        using var plain = new OneStep(new TrainingSpec());
        plain.X.copy_(step.X);
        plain.Noise = step.Noise;

        var (expected, actual) = (plain.Objective.Forward(plain.Inputs()), step.Objective.Forward(step.Inputs()));

        Assert.Equal(plain.Report(expected).Loss, step.Report(actual).Loss, 1e-4);
        OneStep.Same(plain.Gradients(expected), step.Gradients(actual));
    }

    // Were whole rows moved, latents and shuffled latents would be the same rows in another order, and there would be nothing to learn.
    [Fact]
    public void Each_latent_dimension_is_shuffled_by_an_order_of_its_own()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Factor(gamma: 6);
        var z = Fused.gaussian_posterior(step.Network.Encode(step.X), step.Noise).Sample;
        var advantages = (step.Network.Discriminator!.forward(z) * torch.tensor([1f, -1f], [1, 1, 2])).sum(2).detach();

        var loss = step.Objective.Forward(step.Inputs()).Silent!.item();

        var ofWholeRows = 0.5 * (advantages.neg().softplus() + advantages.softplus()).mean().item();
        Assert.True(Math.Abs(ofWholeRows - loss) > 1e-5, $"{ofWholeRows} and {loss}.");
    }

    private static OneStep Factor(double gamma)
    {
        var step = new OneStep(new TrainingSpec { Objective = TrainingObjective.Factor, DiscriminatorWidth = 10, DiscriminatorLayers = 3, FactorGamma = gamma });
        using var mode = torch.no_grad();
        foreach (var (name, parameter) in step.Network.named_parameters())
            if (name.StartsWith("discriminator", StringComparison.Ordinal)) parameter.mul_(3); // Away from a discriminator that says the same of everything.
        return step;
    }

    private static double LogDensity(double z, double mean, double log) => -0.5 * (((z - mean) * (z - mean) * Math.Exp(-log)) + log + Math.Log(2 * Math.PI));

    private static double[][] Rows(Tensor values) => [.. Enumerable.Range(0, (int)values.size(1)).Select(row => values[0][row].to(ScalarType.Float64).ToArray<double>())];
}
