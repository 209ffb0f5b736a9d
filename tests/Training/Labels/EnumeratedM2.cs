using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Tests.Training.Labels;

/// <summary>
/// M2 with tanh layers and bits, written out row by row and class by class in double precision, with loops in place of tensors and one-hot vectors beside the inputs: nothing of it is shared with what it checks.
/// </summary>
internal sealed class EnumeratedM2(VaeNetwork network)
{
    private readonly Dictionary<string, (double[] Values, int Rows, int Columns)> _state = network.state_dict().ToDictionary(entry => entry.name, entry => Matrix(entry.tensor));

    public int Classes => network.Classes;

    /// <summary>log q(y|x) of one row.</summary>
    public double[] LogClasses(double[] x)
    {
        var logits = Layer("classifier.output", Hidden("classifier.layers", x, null));
        var most = logits.Max();
        var sum = most + Math.Log(logits.Sum(logit => Math.Exp(logit - most)));
        return [.. logits.Select(logit => logit - sum)];
    }

    /// <summary>-log p(x|y,z) and KL(q(z|x,y) || p(z)) of one row under one class, z from the given noise.</summary>
    public (double Distortion, double[] Rate) Terms(double[] x, int label, double[] noise)
    {
        var head = Layer("posterior", Hidden("encoder", x, label));
        var d = head.Length / 2;
        var (z, rate) = (new double[d], new double[d]);
        for (var j = 0; j < d; j++)
        {
            var log = 8 - Softplus(8 - (-12 + Softplus(head[d + j] + 12)));
            z[j] = head[j] + (Math.Exp(log / 2) * noise[j]);
            rate[j] = 0.5 * ((head[j] * head[j]) + Math.Exp(log) - 1 - log);
        }

        var logits = Layer("output", Hidden("decoder", z, label));
        var distortion = 0.0;
        for (var i = 0; i < x.Length; i++) distortion -= (x[i] * -Softplus(-logits[i])) + ((1 - x[i]) * -Softplus(logits[i]));
        return (distortion, rate);
    }

    /// <summary>L(x, y): Kingma et al. 2014, equation 6, with the minus sign.</summary>
    public double Labelled(double[] x, int label, double[] noise)
    {
        var (distortion, rate) = Terms(x, label, noise);
        return distortion + rate.Sum() - Math.Log(1.0 / Classes);
    }

    /// <summary>U(x): equation 7, with the minus sign.</summary>
    public double Unlabelled(double[] x, double[] noise) =>
        LogClasses(x).Select((log, label) => Math.Exp(log) * (Labelled(x, label, noise) + log)).Sum();

    private double[] Hidden(string stack, double[] input, int? label)
    {
        for (var layer = 0; _state.ContainsKey($"{stack}.{layer}.weight"); layer += 2)
        {
            var output = Layer($"{stack}.{layer}", input);
            if (layer == 0 && label is { } known)
            {
                var (values, rows, columns) = _state[$"{stack}_label.weight"];
                for (var i = 0; i < rows; i++) output[i] += values[(i * columns) + known];
            }

            input = [.. output.Select(Math.Tanh)];
        }

        return input;
    }

    private double[] Layer(string name, double[] input)
    {
        var (weight, rows, columns) = _state[name + ".weight"];
        var output = (double[])_state[name + ".bias"].Values.Clone();
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) output[i] += weight[(i * columns) + j] * input[j];
        return output;
    }

    private static double Softplus(double a) => Math.Max(a, 0) + Math.Log(1 + Math.Exp(-Math.Abs(a)));

    private static (double[], int, int) Matrix(Tensor tensor) => (tensor[0].to(ScalarType.Float64).ToArray<double>(), (int)tensor.size(1), tensor.dim() > 2 ? (int)tensor.size(2) : 1);
}
