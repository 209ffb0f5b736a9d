using Vae.Shared.Determinism;

namespace Vae.Shared.Datasets;

/// <summary>Which training rows a semi-supervised trial sees the label of: a function of the data, the seed and the number, the same on every machine.</summary>
public static class LabelledRows
{
    // Keeps the choice apart from the order of rows, which has the same seed.
    private const ulong Stream = 0x6C61_6265_6C6C_6564;

    /// <summary>
    /// Chooses <paramref name="count"/> rows: of each class equally many, the first classes one more where that does not come out even. A class that has fewer rows gives all
    /// of them, and other rows make up for it.
    /// </summary>
    /// <param name="labels">Of the training rows.</param>
    /// <param name="classes">Labels are below this.</param>
    /// <param name="count">At most the number of rows.</param>
    /// <param name="seed">The trial's seed.</param>
    /// <returns>One entry per training row: whether its label is seen.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many rows, or a label is not below <paramref name="classes"/>.</exception>
    public static bool[] Choose(ReadOnlySpan<int> labels, int classes, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, labels.Length);
        var order = new int[labels.Length];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        var random = new Prng(seed).Fork(Stream);
        for (var last = order.Length - 1; last > 0; last--)
        {
            var other = random.NextBelow(last + 1);
            (order[last], order[other]) = (order[other], order[last]);
        }

        var left = new int[classes];
        for (var label = 0; label < classes; label++) left[label] = (count / classes) + (label < count % classes ? 1 : 0);
        var seen = new bool[labels.Length];
        var chosen = 0;
        foreach (var row in order)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(labels[row], classes, nameof(labels));
            if (left[labels[row]]-- <= 0) continue;
            seen[row] = true;
            chosen++;
        }

        foreach (var row in order)
        {
            if (chosen == count) break;
            if (seen[row]) continue;
            seen[row] = true;
            chosen++;
        }

        return seen;
    }
}
