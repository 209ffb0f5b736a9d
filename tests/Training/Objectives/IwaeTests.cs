using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

public sealed class IwaeTests : TorchTest
{
    [Fact]
    public void Bound_grows_with_the_number_of_samples()
    {
        using var scope = torch.NewDisposeScope();
        var bounds = new[] { 1, 2, 5, 20, 100 }.Select(samples => Bound(samples, draws: 400 / samples)).ToArray();

        for (var i = 1; i < bounds.Length; i++) Assert.True(bounds[i] > bounds[i - 1], string.Join(", ", bounds));
    }

    [Fact]
    public void Reported_bound_is_the_log_of_the_mean_weight_and_the_parts_are_means_over_samples()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(samples: 4);
        var weights = LogWeights(step);

        var terms = step.Objective.Forward(step.Inputs());
        var report = step.Report(terms);
        var judged = step.Objective.Judge(new HeldOutInputs(step.X, step.Noise, null));

        var bound = weights.Average(row => Math.Log(row.Select(Math.Exp).Average()));
        Assert.Equal(-bound, report.Loss, Math.Abs(bound) * 1e-5);
        Assert.Equal(bound, step.Objective.Figures([judged.Extra!.item()], step.Batch)[0].Value, Math.Abs(bound) * 1e-5);
        Assert.Equal(-weights.Average(row => row.Average()), report.Distortion + report.Rate, Math.Abs(bound) * 1e-5);
        Assert.True(report.Penalty < 0);

        // The mean weighted by the normalised weights, which others report under this name, is another number.
        var weighted = weights.Average(row => row.Sum(log => log * Math.Exp(log) / row.Sum(Math.Exp)));
        Assert.True(Math.Abs(weighted - bound) > 1e-3);
    }

    [Fact]
    public void Gradient_is_that_of_each_log_weight_times_its_normalised_weight()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(samples: 3);
        var gradients = step.Gradients(step.Objective.Forward(step.Inputs()));

        // One sample at a time through the same network, each with its weight as a constant.
        var weights = LogWeights(step);
        foreach (var parameter in step.Network.parameters()) parameter.grad!.zero_();
        for (var sample = 0; sample < 3; sample++)
        {
            var noise = step.Noise.view(1, step.Batch, 3, 3).select(2, sample);
            var share = torch.tensor(weights.Select(row => (float)(Math.Exp(row[sample] - row.Max()) / row.Sum(log => Math.Exp(log - row.Max()))) / step.Batch).ToArray(), [1, step.Batch]);
            var (distortion, rate) = Terms(step, noise);
            ((distortion + rate) * share).sum().backward();
        }

        var expected = step.Network.named_parameters().ToDictionary(entry => entry.name, entry => entry.parameter.grad!.ToArray<float>());
        OneStep.Same(expected, gradients, 1e-3);
    }

    private static OneStep Of(int samples) => new(new TrainingSpec { Objective = TrainingObjective.Iwae, ImportanceSamples = samples });

    private static double Bound(int samples, int draws)
    {
        torch.manual_seed(3);
        using var step = Of(samples);
        var sum = 0.0;
        for (var draw = 0; draw < draws; draw++)
        {
            using var scope = torch.NewDisposeScope();
            using var mode = torch.no_grad();
            var noise = torch.randn([1, step.Batch * samples, 3]);
            sum += step.Objective.Judge(new HeldOutInputs(step.X, noise, null)).Extra!.item();
        }

        return sum / draws / step.Batch;
    }

    // [n] rows of s log weights, in double.
    private static double[][] LogWeights(OneStep step)
    {
        using var mode = torch.no_grad();
        var samples = step.Objective.NoiseRows;
        var columns = Enumerable.Range(0, samples).Select(sample =>
        {
            var (distortion, rate) = Terms(step, step.Noise.view(1, step.Batch, samples, 3).select(2, sample));
            return (distortion + rate).to(ScalarType.Float64).ToArray<double>();
        }).ToArray();
        return [.. Enumerable.Range(0, step.Batch).Select(row => columns.Select(column => -column[row]).ToArray())];
    }

    // By definition: -log p(x|z) and log q(z|x) - log p(z) of one sample for each row, [1, n].
    private static (Tensor Distortion, Tensor Rate) Terms(OneStep step, Tensor noise)
    {
        var posterior = Fused.gaussian_posterior(step.Network.Encode(step.X), noise.contiguous());
        var logits = step.Network.Decode(posterior.Sample);
        var distortion = (logits.softplus(threshold: 100) - (logits * step.X)).sum(2);
        var z = posterior.Sample;
        var rate = (0.5 * (z.square() - ((z - posterior.Mean).square() * posterior.LogVariance.neg().exp()) - posterior.LogVariance)).sum(2);
        return (distortion, rate);
    }
}
