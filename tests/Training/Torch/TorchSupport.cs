using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

/// <summary>Comparisons with a message that shows the worst element.</summary>
internal static class TorchSupport
{
    public static void Close(Tensor expected, Tensor actual, double relative, double absolute = 0)
    {
        var e = expected.to(float64).ToArray<double>();
        var a = actual.to(float64).ToArray<double>();
        Close(e, a, relative, absolute);
    }

    public static void Close(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double relative, double absolute = 0)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var error = Math.Abs(expected[i] - actual[i]);
            Assert.True(error <= absolute + relative * Math.Abs(expected[i]), $"Element {i}: expected {expected[i]:R}, got {actual[i]:R}, error {error:E2}.");
        }
    }

    /// <summary>Central differences of a scalar function of one float64 tensor.</summary>
    public static double[] Differences(Tensor at, Func<Tensor, double> function, double step = 1e-5)
    {
        using var mode = no_grad();
        var values = at.ToArray<double>();
        var gradient = new double[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            using var scope = NewDisposeScope();
            var (up, down) = ((double[])values.Clone(), (double[])values.Clone());
            up[i] += step;
            down[i] -= step;
            gradient[i] = (function(tensor(up, at.shape)) - function(tensor(down, at.shape))) / (2 * step);
        }

        return gradient;
    }

    public static bool SameBits(Tensor a, Tensor b) => a.ToArray<float>().AsSpan().SequenceEqual(b.ToArray<float>());
}
