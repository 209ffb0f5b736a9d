using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>What can be read off a representation: accuracy of simple classifiers that see latents alone. 0 to 1.</summary>
public static class Probes
{
    /// <summary>Neighbours that vote by default.</summary>
    public const int NeighboursDefault = 10;

    private const int BlockRows = 256; // Distances of so many rows to all others at a time: bounds memory.

    /// <summary>
    /// Accuracy on other rows of multinomial logistic regression with the penalty |W|^2 / (2 n) beside the mean loss (what scikit-learn calls C = 1), on latents of mean 0 and variance 1, solved
    /// to convergence by L-BFGS (Alain and Bengio 2016 for the idea). Deterministic.
    /// </summary>
    /// <param name="train">Latents to fit on.</param>
    /// <param name="trainLabels">One per row, from 0.</param>
    /// <param name="test">Latents to judge by.</param>
    /// <param name="testLabels">One per row, from 0.</param>
    /// <exception cref="ArgumentException">A count does not fit, or there are fewer than two classes.</exception>
    public static double Linear(LatentTable train, ReadOnlySpan<int> trainLabels, LatentTable test, ReadOnlySpan<int> testLabels)
    {
        var classes = Check(train, trainLabels, test, testLabels);
        var scale = Standardised.By(train);
        var model = SoftmaxModel.FitRidge(scale.Apply(train), trainLabels, classes, 1.0 / train.Rows);
        return model.Accuracy(scale.Apply(test), testLabels);
    }

    /// <summary>
    /// Accuracy of the vote of the nearest rows (Cover and Hart 1967) by Euclidean distance between latents as they are, by brute force. Among classes of equal votes the one with the nearest row wins, among rows of
    /// equal distance the earlier one is nearer: deterministic.
    /// </summary>
    /// <inheritdoc cref="Linear"/>
    /// <param name="train">Latents whose rows vote.</param>
    /// <param name="trainLabels">One per row, from 0.</param>
    /// <param name="test">Latents to judge by.</param>
    /// <param name="testLabels">One per row, from 0.</param>
    /// <param name="neighbours">How many vote, 1 to the rows of <paramref name="train"/>.</param>
    public static double Nearest(LatentTable train, ReadOnlySpan<int> trainLabels, LatentTable test, ReadOnlySpan<int> testLabels, int neighbours = NeighboursDefault)
    {
        var classes = Check(train, trainLabels, test, testLabels);
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(neighbours, train.Rows);
        var right = 0;
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var others = torch.tensor(train.Values, [train.Rows, train.Dimensions]).to(ScalarType.Float64);
        var norms = others.square().sum(1).unsqueeze(0);
        var columns = others.t().contiguous();
        for (var first = 0; first < test.Rows; first += BlockRows)
        {
            using var block = torch.NewDisposeScope();
            var rows = Math.Min(BlockRows, test.Rows - first);
            var own = torch.tensor(test.Values.AsSpan(first * test.Dimensions, rows * test.Dimensions), [rows, test.Dimensions]).to(ScalarType.Float64);
            var distances = (norms - (own.matmul(columns) * 2)).ToArray<double>(); // |own|^2 is left out: it is the same for all.
            for (var row = 0; row < rows; row++)
            {
                if (Vote(distances.AsSpan(row * train.Rows, train.Rows), trainLabels, classes, neighbours) == testLabels[first + row]) right++;
            }
        }

        return right / (double)test.Rows;
    }

    private static int Vote(ReadOnlySpan<double> distances, ReadOnlySpan<int> labels, int classes, int neighbours)
    {
        var nearest = new PriorityQueue<int, (double Distance, int Row)>(neighbours + 1, FarthestFirst);
        for (var row = 0; row < distances.Length; row++)
        {
            if (nearest.Count == neighbours)
            {
                nearest.TryPeek(out _, out var farthest);
                if (distances[row] >= farthest.Distance) continue;
                nearest.Dequeue();
            }

            nearest.Enqueue(row, (distances[row], row));
        }

        var votes = new int[classes];
        var winner = -1;
        var order = new int[nearest.Count];
        for (var i = order.Length - 1; i >= 0; i--) order[i] = nearest.Dequeue(); // Nearest first.
        foreach (var row in order) votes[labels[row]]++;
        foreach (var row in order) if (winner < 0 || votes[labels[row]] > votes[winner]) winner = labels[row];
        return winner;
    }

    private static readonly Comparer<(double Distance, int Row)> FarthestFirst =
        Comparer<(double Distance, int Row)>.Create((left, right) => right.Distance.CompareTo(left.Distance) is var order and not 0 ? order : right.Row.CompareTo(left.Row));

    private static int Check(LatentTable train, ReadOnlySpan<int> trainLabels, LatentTable test, ReadOnlySpan<int> testLabels)
    {
        if (trainLabels.Length != train.Rows || testLabels.Length != test.Rows) throw new ArgumentException("There must be one label per row.", nameof(trainLabels));
        if (train.Dimensions != test.Dimensions) throw new ArgumentException("The latents have different sizes.", nameof(test));
        var largest = 0;
        foreach (var label in trainLabels) largest = Math.Max(largest, label);
        foreach (var label in testLabels) largest = Math.Max(largest, label);
        if (largest == 0) throw new ArgumentException("There is one class only: nothing can be told apart.", nameof(trainLabels));
        return largest + 1;
    }
}
