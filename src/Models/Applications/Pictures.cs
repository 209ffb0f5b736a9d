using Vae.Data;
using Vae.Data.Png;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Torch;

namespace Vae.Models.Applications;

/// <summary>What a model shows: draws from the prior, and inputs beside what it makes of them. All for one replica of a pack.</summary>
public sealed class Pictures(VaeNetwork network, VaeObjective objective, int replica = 0)
{
    private const int RowsOfOnePass = 256; // Bounds memory; pictures are not a hot path.

    private ImageShape Image => network.Image;

    /// <summary>Images decoded from draws of the model's prior: probabilities or means, not sampled pixels.</summary>
    /// <param name="count">Images.</param>
    /// <param name="seed">The same seed gives the same images.</param>
    /// <returns>[count, C, H, W], 0 to 1.</returns>
    public float[] Generate(int count, ulong seed)
    {
        var result = new float[count * Image.Values];
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            var rows = Math.Min(RowsOfOnePass, count - first);
            using var scope = torch.NewDisposeScope();
            using var mode = torch.no_grad();
            Decode(PriorDraws.Draw(network, replica, rows, seed, first)).CopyTo(result.AsSpan(first * Image.Values));
        }

        return result;
    }

    /// <summary>Images decoded from the posterior means of the inputs.</summary>
    /// <param name="inputs">[n, C, H, W], 0 to 1.</param>
    /// <returns>[n, C, H, W], 0 to 1.</returns>
    public float[] Reconstruct(ReadOnlySpan<float> inputs)
    {
        var count = inputs.Length / Image.Values;
        var result = new float[inputs.Length];
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            var rows = Math.Min(RowsOfOnePass, count - first);
            using var scope = torch.NewDisposeScope();
            using var mode = torch.no_grad();
            var x = torch.tensor(inputs.Slice(first * Image.Values, rows * Image.Values), [1, rows, Image.Values], Device);
            var mean = network.Encode(Spread(x)).select(0, replica).narrow(1, 0, network.Latent);
            Decode(mean).CopyTo(result.AsSpan(first * Image.Values));
        }

        return result;
    }

    /// <summary>Prior samples as a square picture.</summary>
    public PngImage Samples(int count, ulong seed) =>
        ImageGrid.Squarish(count).Compose(Generate(count, seed), Image.Channels, Image.Height, Image.Width);

    /// <summary>Inputs, each above its reconstruction.</summary>
    public PngImage Reconstructions(ReadOnlySpan<float> inputs) =>
        ImageGrid.Reconstructions(inputs, Reconstruct(inputs), Image.Channels, Image.Height, Image.Width);

    /// <summary>The first rows of a run of bytes as floats, 0 to 1.</summary>
    public static float[] ToFloats(ReadOnlySpan<byte> pixels)
    {
        var values = new float[pixels.Length];
        for (var i = 0; i < pixels.Length; i++) values[i] = pixels[i] / 255f;
        return values;
    }

    private torch.Device Device => network.parameters().First().device;

    private float[] Decode(Tensor z)
    {
        var images = objective.ToImages(network.Decode(Spread(z.unsqueeze(0)))).select(0, replica).clamp(0, 1);
        return images.contiguous().cpu().ToArray<float>();
    }

    // A pack's layers want every replica's rows.
    private Tensor Spread(Tensor rows) => network.Replicas == 1 ? rows : rows.expand(network.Replicas, rows.size(1), rows.size(2)).contiguous();
}
