using System.Diagnostics;
using System.Globalization;
using Vae.Torch;

namespace Vae.Benchmarks.Training;

/// <summary>
/// The fully connected layers of 784-512-256-16 and back with few rows in a batch: our products beside ATen's, which are the BLAS's, alternately. Several sets of weights
/// take turns, so that weights come from memory as they do in a training step and not from a cache.
/// </summary>
internal static class Layers
{
    private const int Sets = 4;
    private static readonly (int Inputs, int Outputs)[] s_layers = [(784, 512), (512, 256), (256, 32), (16, 256), (256, 512), (512, 784)];

    public static void Run(ReadOnlySpan<int> batches, int rounds)
    {
        using var scope = torch.NewDisposeScope();
        var weights = new Tensor[Sets][];
        for (var set = 0; set < Sets; set++) weights[set] = [.. s_layers.Select(static l => torch.randn([1, l.Outputs, l.Inputs]))];
        Console.WriteLine("| rows | forward, BLAS us | ours us | BLAS / ours | gradient of the input, BLAS us | ours us | BLAS / ours |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var rows in batches)
        {
            using var inner = torch.NewDisposeScope();
            var x = s_layers.Select(l => torch.randn([1, rows, l.Inputs], requires_grad: true)).ToArray();
            var plain = x.Select(static t => t.detach()).ToArray();
            var gradients = s_layers.Select(l => torch.randn([1, rows, l.Outputs])).ToArray();
            var times = new List<double>[4];
            for (var i = 0; i < times.Length; i++) times[i] = [];
            for (var round = -rounds / 10; round < rounds; round++)
            {
                var set = weights[(round + rounds) % Sets];
                double[] micros = [0, 0, 0, 0];
                for (var l = 0; l < s_layers.Length; l++)
                {
                    using var one = torch.NewDisposeScope();
                    var weight = set[l][0];
                    micros[0] += Micros(() => _ = plain[l][0].mm(weight.t()));
                    micros[2] += Micros(() => _ = gradients[l][0].mm(weight));
                }

                set = weights[(round + rounds + (Sets / 2)) % Sets];
                for (var l = 0; l < s_layers.Length; l++)
                {
                    using var one = torch.NewDisposeScope();
                    using var step = torch.nn.training_step();
                    micros[1] += Micros(() => { using (torch.no_grad()) _ = torch.nn.functional.linear(plain[l], set[l]); });
                    var y = torch.nn.functional.linear(x[l], set[l]);
                    micros[3] += Micros(() => _ = torch.autograd.grad([y], [x[l]], [gradients[l]]));
                }

                for (var i = 0; i < micros.Length && round >= 0; i++) times[i].Add(micros[i]);
            }

            var (forward, ours, input, oursInput) = (Median(times[0]), Median(times[1]), Median(times[2]), Median(times[3]));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {rows} | {forward:F0} | {ours:F0} | {forward / ours:F2} | {input:F0} | {oursInput:F0} | {input / oursInput:F2} |"));
        }
    }

    private static double Micros(Action action)
    {
        var begin = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
