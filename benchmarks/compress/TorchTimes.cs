using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Benchmarks.Compress;

/// <summary>The same network in libtorch, one image at a time as coding needs it and many at once; and whether its bits are the same then.</summary>
internal static class TorchTimes
{
    private const int Many = 250;

    public static void Print(string folder, byte[] values, float highest, int images, Action<string, double> tell)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        using var mode = torch.no_grad();
        using var model = TrainedModel.Load(folder, torch.CPU);
        var network = (VaeNetwork)model.Network; // Compression takes no other family.
        var (width, latent) = (network.Image.Values, network.Latent);
        var rows = values.Select(value => value / highest).ToArray();
        using var x = torch.tensor(rows, [1, images, width]);
        using var z = torch.zeros([1, images, latent]);
        foreach (var at in (int[])[1, Many])
        {
            tell($"posterior, libtorch, {at} at once", Times.Best(images / at, i => Encode(i * at, at).Dispose()) / at);
            tell($"likelihood, libtorch, {at} at once", Times.Best(images / at, i => Decode(i * at, at).Dispose()) / at);
        }

        using var together = Encode(0, Many);
        var differ = 0;
        for (var i = 0; i < Many; i++)
        {
            using var alone = Encode(i, 1);
            if (!alone.ToArray<float>().SequenceEqual(together.ToArray<float>().AsSpan(i * 2 * latent, 2 * latent).ToArray())) differ++;
        }

        Console.WriteLine($"\nOf {Many} images, {differ} get other bits of a posterior from libtorch one at a time than {Many} at once.");

        Tensor Encode(int first, int count) => In(x, first, count, network.Encode);

        Tensor Decode(int first, int count) => In(z, first, count, network.Decode);
    }

    private static Tensor In(Tensor all, int first, int count, Func<Tensor, Tensor> run)
    {
        using var scope = torch.NewDisposeScope();
        return run(all.narrow(1, first, count).contiguous()).MoveToOuterDisposeScope();
    }
}
