using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

public sealed class GatheredLossTests : TorchTest
{
    [Theory]
    [InlineData(4, 12)]
    [InlineData(2, 12)]
    [InlineData(3, 7)]
    public void Stratified_weights_estimate_the_aggregate_posterior_without_bias_in_every_row(int batch, int rows)
    {
        using var weights = new AggregateWeights(TcEstimator.Mss);
        var densities = Enumerable.Range(0, rows).Select(j => Math.Exp(-0.3 * (j - 2.5) * (j - 2.5)) + 0.01).ToArray(); // q(z | x_j) at some z of row 0.
        for (var i = 0; i < batch; i++)
        {
            Assert.Equal(1, Enumerable.Range(0, batch).Sum(j => weights.Weight(i, j, batch, rows)), 12);

            // Row 0 stands at place i of the batch; the others are drawn in all orders.
            var places = Enumerable.Range(0, batch).Where(j => j != i).ToArray();
            var (sum, count) = (0.0, 0);
            foreach (var others in Orders([.. Enumerable.Range(1, rows - 1)], batch - 1))
            {
                var estimate = weights.Weight(i, i, batch, rows) * densities[0];
                for (var k = 0; k < places.Length; k++) estimate += weights.Weight(i, places[k], batch, rows) * densities[others[k]];
                sum += estimate;
                count++;
            }

            Assert.Equal(densities.Average(), sum / count, densities.Average() * 1e-9);
        }
    }

    [Fact]
    public void Weighted_sampling_divides_by_batch_and_rows_alike()
    {
        using var weights = new AggregateWeights(TcEstimator.Mws);

        Assert.Equal(1.0 / 48, weights.Weight(0, 0, 4, 12), 12);
        Assert.Equal(1.0 / 48, weights.Weight(3, 1, 4, 12), 12);
    }

    [Theory]
    [InlineData(MmdKernel.Imq)]
    [InlineData(MmdKernel.Rbf)]
    public void Discrepancy_of_the_prior_with_itself_is_zero_on_average(MmdKernel kernel)
    {
        var values = new List<double>();
        using var step = PriorLike(kernel);
        for (var update = 0; update < 300; update++)
        {
            using var scope = torch.NewDisposeScope();
            step.Noise.copy_(torch.randn(step.Noise.shape));
            step.Position = step.Position with { Step = update };
            values.Add(step.Report(step.Objective.Forward(step.Inputs())).Penalty);
        }

        var mean = values.Average();
        var error = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean))) / values.Count;
        Assert.InRange(mean, -4 * error, 4 * error);
        Assert.Contains(values, value => value < 0); // A biased one, with draws compared with themselves, never is.
    }

    [Fact]
    public void Discrepancy_equals_its_definition_pair_by_pair()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new OneStep(new TrainingSpec { Objective = TrainingObjective.Mmd, MmdLambda = 8, Seed = 5 });
        var posterior = Fused.gaussian_posterior(step.Network.Encode(step.X), step.Noise);
        var z = Rows(posterior.Sample);
        var prior = torch.zeros([1, step.Batch, 3]);
        Noise.FillNormal(prior, 0, step.Batch, 3, 5, Vae.Models.NoiseStreams.Of(Vae.Models.NoisePurpose.PriorBatch, 0), 0);
        var p = Rows(prior);

        var penalty = step.Report(step.Objective.Forward(step.Inputs())).Penalty;

        var (n, same, across) = (step.Batch, 0.0, 0.0);
        for (var i = 0; i < n; i++)
            for (var j = 0; j < n; j++)
            {
                if (i != j) same += Kernel(z[i], z[j]) + Kernel(p[i], p[j]);
                across += Kernel(z[i], p[j]);
            }

        Assert.Equal(7 * ((same / (n * (n - 1))) - (2 * across / (n * n))), penalty, 1e-5);

        static double Kernel(float[] u, float[] v) => 6 / (6 + u.Zip(v).Sum(pair => Math.Pow(pair.First - pair.Second, 2)));
        float[][] Rows(Tensor values) => [.. Enumerable.Range(0, step.Batch).Select(i => values[0][i].ToArray<float>())];
    }

    [Fact]
    public void Discriminator_learns_from_its_own_loss_alone_and_the_model_never_from_it()
    {
        using var scope = torch.NewDisposeScope();
        var training = new TrainingSpec { Objective = TrainingObjective.Factor, DiscriminatorWidth = 10, DiscriminatorLayers = 3, FactorGamma = 6 };
        using var step = new OneStep(training);
        var terms = step.Objective.Forward(step.Inputs());
        var all = step.Gradients(terms);
        terms = step.Objective.Forward(step.Inputs());
        var withoutOwn = step.Gradients(terms with { Silent = null });
        terms = step.Objective.Forward(step.Inputs());
        var ownOnly = step.Gradients(terms with { DistortionGradient = null, RateGradient = null, PenaltyGradient = null });

        foreach (var (name, values) in all)
        {
            var isDiscriminator = name.StartsWith("discriminator", StringComparison.Ordinal);
            Assert.Contains(values, value => value != 0);
            Assert.All(isDiscriminator ? withoutOwn[name] : ownOnly[name], value => Assert.Equal(0f, value));
            Assert.Equal(values, isDiscriminator ? ownOnly[name] : withoutOwn[name]);
        }

        using var plain = new OneStep(new TrainingSpec());
        plain.X.copy_(step.X);
        plain.Noise = step.Noise;
        var bound = plain.Gradients(plain.Objective.Forward(plain.Inputs()));
        Assert.NotEqual(bound["posterior.weight"], all["posterior.weight"]); // The penalty does reach the encoder.
        Assert.Equal(bound["output.weight"], all["output.weight"]);
    }

    // An encoder whose posteriors are N(0, I): the latents are the noise.
    private static OneStep PriorLike(MmdKernel kernel)
    {
        var step = new OneStep(new TrainingSpec { Objective = TrainingObjective.Mmd, MmdLambda = 2, MmdKernel = kernel }, batch: 12);
        using var mode = torch.no_grad();
        foreach (var (name, parameter) in step.Network.named_parameters())
            if (name.StartsWith("posterior", StringComparison.Ordinal))
                parameter.zero_();
        return step;
    }

    private static IEnumerable<int[]> Orders(int[] from, int length)
    {
        if (length == 0)
        {
            yield return [];
            yield break;
        }

        foreach (var first in from)
            foreach (var rest in Orders([.. from.Where(other => other != first)], length - 1))
                yield return [first, .. rest];
    }
}
