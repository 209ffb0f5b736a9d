using System.Diagnostics;
using Vae.Data;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Benchmarks.Training;

/// <summary>What a step cannot do without: for the MLP its matrix products alone, for the convolutional model its layers' passes alone, without loss, noise, data and optimizer.</summary>
internal static class Limit
{
    public static double Median(TrialSpec trial, Dataset dataset, int batch, int warmup, int steps)
    {
        var shape = new ImageShape(dataset.Images.Channels, dataset.Images.Height, dataset.Images.Width);
        var pass = trial.Model.Architecture == Architecture.Mlp ? Products(trial.Model, shape, batch) : Passes(trial.Model, shape, batch);
        var times = new List<double>();
        for (var i = 0; i < warmup + steps; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            using (torch.NewDisposeScope()) pass();
            if (i >= warmup) times.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }

    private static Action Products(ModelSpec model, ImageShape shape, int batch)
    {
        int[] sizes = [shape.Values, .. model.Encoder, 2 * model.Latent];
        int[] back = [model.Latent, .. model.DecoderWidths, shape.Values];
        var layers = new List<(Tensor X, Tensor Weight, Tensor Gradient, bool First)>();
        Add(sizes);
        Add(back);
        return () =>
        {
            foreach (var (x, weight, gradient, first) in layers)
            {
                _ = x.mm(weight.t());
                _ = gradient.t().mm(x);
                if (!first) _ = gradient.mm(weight);
            }
        };

        void Add(int[] widths)
        {
            for (var i = 0; i + 1 < widths.Length; i++)
            {
                layers.Add((torch.randn([batch, widths[i]]), torch.randn([widths[i + 1], widths[i]]), torch.randn([batch, widths[i + 1]]), layers.Count == 0));
            }
        }
    }

    private static Action Passes(ModelSpec model, ImageShape shape, int batch)
    {
        var network = VaeNetwork.Create(model, shape, [1UL]);
        _ = new FlatParameters(network);
        var (x, z) = (torch.rand([1, batch, shape.Values]), torch.randn([1, batch, model.Latent], requires_grad: true));
        var (dh, dx) = (torch.randn([1, batch, 2 * model.Latent]), torch.randn([1, batch, shape.Values]));
        return () => torch.autograd.backward([network.Encode(x), network.Decode(z)], [dh, dx]);
    }
}
