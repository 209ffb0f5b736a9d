using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Models;

/// <summary>A linear VAE has no spurious optimum: its best bound is the likelihood of probabilistic PCA (Lucas et al. 2019; Tipping and Bishop 1999).</summary>
public sealed class LinearVaeTests : TorchTest
{
    private const int Rows = 2_000, Values = 8, Latent = 3, Steps = 4_000;

    [Fact]
    public void Trained_on_data_of_a_known_model_it_reaches_the_closed_form_optimum()
    {
        using var outer = torch.NewDisposeScope();
        var x = Sample();
        var optimum = ClosedForm(x);
        var spec = new ModelSpec { Encoder = [], Decoder = [], Latent = Latent, Likelihood = Likelihood.Gaussian };
        using var network = VaeNetwork.Create(spec, new ImageShape(1, 1, Values), [1UL]);
        var objective = new VaeObjective(network, spec);
        using var flat = new FlatParameters(network);
        using var optimizer = torch.optim.Adam(flat, lr: 0.02);
        for (var step = 0; step < Steps; step++)
        {
            using var scope = torch.NewDisposeScope();
            optimizer.SetLearningRate(0, 0.02 * (1 - (step / (double)Steps)));
            flat.zero_grad();
            var bound = objective.Forward(x, torch.randn([1, Rows, Latent]), 1.0 / Rows);
            torch.autograd.backward([bound.Distortion, bound.RatePerDimension], [torch.ones([1]), torch.full([1, Latent], 1.0 / Rows)]);
            optimizer.step();
        }

        var elbo = 0.0;
        const int repeats = 200;
        using (torch.no_grad())
        {
            for (var i = 0; i < repeats; i++)
            {
                using var scope = torch.NewDisposeScope();
                var bound = objective.Forward(x, torch.randn([1, Rows, Latent]), 1);
                elbo -= (bound.Distortion.item() + bound.RatePerDimension.sum().item()) / Rows / repeats;
            }
        }

        Assert.Equal(optimum, elbo, Math.Abs(optimum) * 0.005);
        Assert.True(elbo < optimum + 0.01, $"The bound {elbo} exceeds the maximum likelihood {optimum}.");
    }

    // x = W z + mu + noise, with well separated axes.
    private static Tensor Sample()
    {
        var z = torch.randn([Rows, Latent]);
        var scales = torch.tensor([3f, 2f, 1.2f], [1, Latent]);
        var axes = torch.randn([Values, Values]).svd().U.narrow(1, 0, Latent);
        var x = (z * scales).matmul(axes.t()) + torch.randn([Rows, Values]) * 0.5 + 0.3;
        return x.view(1, Rows, Values);
    }

    // Tipping and Bishop 1999, eq. 4 at their eqs. 7 and 8: -1/2 [D log 2 pi + sum of kept log eigenvalues + (D - q) log mean of the dropped + D].
    private static double ClosedForm(Tensor x)
    {
        var rows = x.view(Rows, Values).to(ScalarType.Float64);
        var centred = rows - rows.mean(0, keepdim: true);
        var eigenvalues = (centred.t().matmul(centred) / Rows).eigh().Values.ToArray<double>().OrderDescending().ToArray();
        var noise = eigenvalues[Latent..].Average();
        return -0.5 * ((Values * Math.Log(2 * Math.PI)) + eigenvalues[..Latent].Sum(Math.Log) + ((Values - Latent) * Math.Log(noise)) + Values);
    }
}
