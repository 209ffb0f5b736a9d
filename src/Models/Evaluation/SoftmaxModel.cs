using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// Multinomial logistic regression, p(c | z) = softmax(W z + b), in double precision: the one classifier of all measures here. Solved to convergence from 0, so the result depends
/// on the data alone and not on a seed.
/// </summary>
public sealed class SoftmaxModel
{
    private const int IterationsMax = 2_000;
    private const double Tolerance = 1e-6; // Of the largest entry of the (proximal) gradient of a mean loss: further steps change no figure that is shown.

    private SoftmaxModel(double[] weights, double[] biases, bool converged, int iterations) => (Weights, Biases, Converged, Iterations) = (weights, biases, converged, iterations);

    /// <summary>[classes, d].</summary>
    public double[] Weights { get; }

    /// <summary>[classes].</summary>
    public double[] Biases { get; }

    /// <summary>Whether the gradient vanished within the iterations allowed.</summary>
    public bool Converged { get; }

    /// <summary>Iterations done.</summary>
    public int Iterations { get; }

    /// <summary>Minimises the mean of -ln p(label | z) + strength/2 |W|^2 by L-BFGS.</summary>
    /// <param name="inputs">[n, d].</param>
    /// <param name="labels">[n], 0 to classes - 1.</param>
    /// <param name="classes">At least 2.</param>
    /// <param name="strength">Above 0: the problem is strictly convex and has one solution.</param>
    public static SoftmaxModel FitRidge(double[] inputs, ReadOnlySpan<int> labels, int classes, double strength)
    {
        using var loss = new SoftmaxLoss(inputs, labels, classes);
        var point = new double[loss.Parameters];
        var solved = Lbfgs.Minimise(Evaluate, point, Tolerance, IterationsMax);
        return Of(solved.Point, classes, solved.Converged, solved.Iterations);

        double Evaluate(ReadOnlySpan<double> at, Span<double> gradient)
        {
            var value = loss.Evaluate(at, gradient);
            for (var i = 0; i < loss.Weights; i++)
            {
                value += strength / 2 * at[i] * at[i];
                gradient[i] += strength * at[i];
            }

            return value;
        }
    }

    /// <summary>Minimises the mean of -ln p(label | z) + strength |W|_1 by accelerated proximal gradients with restarts (Beck and Teboulle 2009; O'Donoghue and Candes 2015).</summary>
    /// <inheritdoc cref="FitRidge"/>
    public static SoftmaxModel FitLasso(double[] inputs, ReadOnlySpan<int> labels, int classes, double strength)
    {
        using var loss = new SoftmaxLoss(inputs, labels, classes);
        var (point, momentum, gradient) = (new double[loss.Parameters], new double[loss.Parameters], new double[loss.Parameters]);
        var step = 1 / loss.Curvature();
        double pace = 1;
        for (var iteration = 1; iteration <= IterationsMax; iteration++)
        {
            loss.Evaluate(momentum, gradient);
            var nextPace = (1 + Math.Sqrt(1 + (4 * pace * pace))) / 2;
            double largest = 0, against = 0;
            for (var i = 0; i < point.Length; i++)
            {
                var moved = momentum[i] - (step * gradient[i]);
                if (i < loss.Weights) moved = Math.CopySign(Math.Max(0, Math.Abs(moved) - (step * strength)), moved);
                largest = Math.Max(largest, Math.Abs(moved - momentum[i]) / step);
                against += (momentum[i] - moved) * (moved - point[i]);
                (gradient[i], point[i]) = (moved - point[i], moved); // The gradient is used up; its place holds how far the point went.
            }

            if (largest < Tolerance * 100) return Of(point, classes, true, iteration); // First order methods crawl at the end; 1e-4 moves no importance that is shown.
            if (against > 0) (pace, nextPace) = (1, 1);
            var share = against > 0 ? 0 : (pace - 1) / nextPace;
            for (var i = 0; i < point.Length; i++) momentum[i] = point[i] + (share * gradient[i]);
            pace = nextPace;
        }

        return Of(point, classes, false, IterationsMax);
    }

    /// <summary>The likeliest class of each row; the lower one of two that are equal.</summary>
    /// <param name="inputs">[n, d].</param>
    public int[] Predict(ReadOnlySpan<double> inputs)
    {
        var classes = Biases.Length;
        var size = Weights.Length / classes;
        var result = new int[inputs.Length / size];
        for (var row = 0; row < result.Length; row++)
        {
            var best = double.NegativeInfinity;
            for (var c = 0; c < classes; c++)
            {
                var score = Biases[c];
                for (var j = 0; j < size; j++) score += Weights[(c * size) + j] * inputs[(row * size) + j];
                if (score <= best) continue;
                (best, result[row]) = (score, c);
            }
        }

        return result;
    }

    /// <summary>Share of the rows whose prediction is their label, 0 to 1.</summary>
    public double Accuracy(ReadOnlySpan<double> inputs, ReadOnlySpan<int> labels)
    {
        var (predicted, right) = (Predict(inputs), 0);
        for (var row = 0; row < labels.Length; row++) if (predicted[row] == labels[row]) right++;
        return right / (double)labels.Length;
    }

    private static SoftmaxModel Of(double[] point, int classes, bool converged, int iterations) =>
        new(point[..^classes], point[^classes..], converged, iterations);
}

/// <summary>Mean cross-entropy of a multinomial logistic regression with its gradient, by matrix products in double precision on the host.</summary>
internal sealed class SoftmaxLoss : IDisposable
{
    private readonly Tensor _inputs;
    private readonly Tensor _transposed;
    private readonly Tensor _targets;
    private readonly int _rows;
    private readonly int _size;
    private readonly int _classes;

    public SoftmaxLoss(double[] inputs, ReadOnlySpan<int> labels, int classes)
    {
        (_rows, _size, _classes) = (labels.Length, inputs.Length / labels.Length, classes);
        var targets = new double[_rows * classes];
        for (var row = 0; row < _rows; row++) targets[(row * classes) + labels[row]] = 1;
        using var scope = torch.NewDisposeScope();
        _inputs = torch.tensor(inputs, [_rows, _size]).DetachFromDisposeScope();
        _transposed = _inputs.t().contiguous().DetachFromDisposeScope();
        _targets = torch.tensor(targets, [_rows, classes]).DetachFromDisposeScope();
    }

    public int Weights => _classes * _size;

    public int Parameters => Weights + _classes;

    /// <summary>An upper bound of the second derivative: 1/2 of the largest eigenvalue of the mean of (z, 1)(z, 1)^T (Bohning 1992).</summary>
    public double Curvature()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var second = (_transposed.matmul(_inputs) / _rows).ToArray<double>();
        var means = _inputs.mean(0, keepdim: false).ToArray<double>();
        var whole = new double[(_size + 1) * (_size + 1)];
        for (var i = 0; i <= _size; i++)
        {
            for (var j = 0; j <= _size; j++)
            {
                whole[(i * (_size + 1)) + j] = i < _size && j < _size ? second[(i * _size) + j] : i < _size ? means[i] : j < _size ? means[j] : 1;
            }
        }

        return torch.tensor(whole, [_size + 1, _size + 1]).eigh().Values.max().item() / 2;
    }

    public double Evaluate(ReadOnlySpan<double> at, Span<double> gradient)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var weights = torch.tensor(at[..Weights], [_classes, _size]);
        var scores = _inputs.matmul(weights.t()) + torch.tensor(at[Weights..], [1, _classes]);
        var logs = scores.log_softmax(1);
        var errors = (logs.exp() - _targets) / _rows;
        _transposed.matmul(errors).t().contiguous().ToArray<double>().CopyTo(gradient);
        errors.sum(0).ToArray<double>().CopyTo(gradient[Weights..]);
        return -(logs * _targets).sum().item() / _rows;
    }

    public void Dispose()
    {
        _inputs.Dispose();
        _transposed.Dispose();
        _targets.Dispose();
    }
}
