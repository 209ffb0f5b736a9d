using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Evaluation;

/// <summary>
/// A linear VAE has its optimum in closed form (Lucas et al. 2019, arXiv 1911.02469; Tipping and Bishop 1999): every figure of the evaluation can be compared with the eigenvalues of the data.
/// </summary>
public sealed class LinearModelTests : TorchTest
{
    private const int Rows = 1_500, Values = 6, Latent = 4, Steps = 2_500;

    [Fact]
    public void Learned_noise_reaches_the_likelihood_of_probabilistic_pca_and_the_estimate_agrees()
    {
        using var scope = torch.NewDisposeScope();
        var data = Data();
        var eigenvalues = Eigenvalues(data);
        var noise = eigenvalues[Latent..].Average();
        var closed = -0.5 * ((Values * Math.Log(2 * Math.PI)) + eigenvalues[..Latent].Sum(Math.Log) + ((Values - Latent) * Math.Log(noise)) + Values);
        var spec = new ModelSpec { Encoder = [], Decoder = [], Latent = Latent, Likelihood = Likelihood.Gaussian };
        using var network = Train(spec, data, beta: 1);
        var model = LatentModel.Of(network, spec);

        var pass = HeldOutPass.Of(model, data, new RowRange(0, Rows));
        var estimate = ImportanceEstimate.Of(model, data, new RowRange(0, Rows), 200);

        var bound = Estimate.Of(pass.Bounds);
        Assert.Equal(closed, estimate.Mean.Value, Math.Abs(closed) * 0.005);
        Assert.InRange(Math.Abs(bound.Value - estimate.Mean.Value), 0, (4 * bound.StandardError) + 0.03); // The posterior is exact at the optimum: the bound is tight.
        Assert.True(estimate.Mean.Value < closed + 0.01, $"{estimate.Mean.Value} exceeds the greatest likelihood {closed}.");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void With_fixed_noise_rate_error_and_active_units_are_those_of_the_eigenvalues(double beta)
    {
        using var scope = torch.NewDisposeScope();
        var data = Data();
        var eigenvalues = Eigenvalues(data);
        const double variance = 0.02;
        var threshold = beta * variance;
        var kept = eigenvalues[..Latent].Where(value => value > threshold).ToArray();
        var spec = new ModelSpec { Encoder = [], Decoder = [], Latent = Latent, Likelihood = Likelihood.Gaussian, Variance = variance };
        using var network = Train(spec, data, beta);
        var model = LatentModel.Of(network, spec);

        var pass = HeldOutPass.Of(model, data, new RowRange(0, Rows));

        var rate = kept.Sum(value => 0.5 * Math.Log(value / threshold));
        var error = eigenvalues[..Latent].Sum(value => Math.Min(value, threshold)) + eigenvalues[Latent..].Sum();
        var distortion = 0.5 * ((Values * Math.Log(2 * Math.PI * variance)) + (error / variance));
        Assert.Equal(kept.Length, pass.ActiveUnits);
        Assert.Equal(rate, pass.Rate.Average(), rate * 0.02);
        Assert.InRange(Math.Abs(distortion - pass.Distortion.Average()), 0, (4 * Estimate.Of(pass.Distortion).StandardError) + 0.03);
        Assert.Equal(Latent - kept.Length, CollapseDiagnosis.Of(pass.RatePerDimension, new TrialSpec { Index = 0, Model = spec, Training = new() { Beta = beta } })!.Inactive);
    }

    // Bits that several values share, and noise. The optimum depends on means and covariances alone, so the data need not be normal; values far from 0 compared with their spread would only make training slow.
    private static EvaluationRows Data()
    {
        var random = new Prng(4);
        (int Bit, double Height)[] values = [(0, 0.7), (0, 0.7), (1, 0.5), (1, 0.5), (2, 0.35), (3, 0.1)];
        var bytes = new byte[Rows * Values];
        for (var row = 0; row < Rows; row++)
        {
            double[] bits = [.. Enumerable.Range(0, 4).Select(_ => (double)random.NextBelow(2))];
            for (var i = 0; i < Values; i++) bytes[(row * Values) + i] = (byte)Math.Round(255 * ((values[i].Height * bits[values[i].Bit]) + (0.15 * random.NextDouble())));
        }

        return new(new ImageSet(1, 1, Values, bytes), Binarize.None, 1, torch.CPU);
    }

    private static double[] Eigenvalues(EvaluationRows data)
    {
        var x = data.Load(0, Rows).to(ScalarType.Float64);
        var centred = x - x.mean(0, keepdim: true);
        return [.. (centred.t().matmul(centred) / Rows).eigh().Values.ToArray<double>().OrderDescending()];
    }

    private static VaeNetwork Train(ModelSpec spec, EvaluationRows data, double beta)
    {
        var network = VaeNetwork.Create(spec, new ImageShape(1, 1, Values), [1UL]);
        var objective = new VaeObjective(network, spec);
        using var flat = new FlatParameters(network);
        using var optimizer = torch.optim.Adam(flat, lr: 0.02);
        var x = data.Load(0, Rows).unsqueeze(0);
        for (var step = 0; step < Steps; step++)
        {
            using var scope = torch.NewDisposeScope();
            optimizer.SetLearningRate(0, 0.02 * (1 - (step / (double)Steps)));
            flat.zero_grad();
            var bound = objective.Forward(x, torch.randn([1, Rows, Latent]), 1.0 / Rows);
            torch.autograd.backward([bound.Distortion, bound.RatePerDimension], [torch.ones([1]), torch.full([1, Latent], beta / Rows)]);
            optimizer.step();
        }

        network.eval();
        return network;
    }
}
