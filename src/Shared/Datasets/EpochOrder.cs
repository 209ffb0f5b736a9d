using Vae.Shared.Determinism;

namespace Vae.Shared.Datasets;

/// <summary>
/// The order in which an epoch visits the training rows. Every worker computes it alone from (seed, epoch), so no index ever travels and a
/// joiner needs to be told the position only.
/// </summary>
public static class EpochOrder
{
    /// <summary>
    /// Fills <paramref name="order"/> with a uniformly drawn permutation of 0 .. Length - 1 (Fisher-Yates), the same on every machine. It allocates nothing and
    /// takes 4 bytes per row: 10^9 rows need another way, 10^7 (40 MB, 0.3 s measured) do not.
    /// </summary>
    /// <param name="seed">The trial's seed.</param>
    /// <param name="epoch">Counted from 0.</param>
    /// <param name="order">One slot per training row.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public static void Fill(ulong seed, int epoch, Span<int> order)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        for (var i = 0; i < order.Length; i++) order[i] = i;

        var random = Xoshiro256.Keyed(seed, (ulong)epoch);
        for (var last = order.Length - 1; last > 0; last--)
        {
            var other = (int)random.NextBelow((ulong)last + 1);
            (order[last], order[other]) = (order[other], order[last]);
        }
    }
}
