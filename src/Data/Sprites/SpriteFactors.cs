using Vae.Shared.Determinism;

namespace Vae.Data.Sprites;

/// <summary>dSprites' factors of variation and the grid of all their combinations, shape slowest and y fastest.</summary>
public static class SpriteFactors
{
    /// <summary>Names, in the order of <see cref="Sizes"/>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["shape", "scale", "orientation", "x", "y"];

    /// <summary>Names of the values of the factor shape, which is also the label.</summary>
    public static IReadOnlyList<string> Shapes { get; } = ["square", "ellipse", "heart"];

    /// <summary>How many values each factor has.</summary>
    public static ReadOnlySpan<int> Sizes => [3, 6, 40, 32, 32];

    /// <summary>All combinations: 737,280.</summary>
    public const int Combinations = 3 * 6 * 40 * 32 * 32;

    /// <summary>
    /// <paramref name="count"/> different combinations in random order, as a [count, 5] table. A smaller count with the same seed gives the first rows of a larger one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many combinations, or fewer than 1 are asked for.</exception>
    public static FactorTable Draw(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Combinations);
        var deck = new int[Combinations];
        for (var i = 0; i < deck.Length; i++) deck[i] = i;

        var random = new Xoshiro256(seed);
        var values = new byte[count * Names.Count];
        for (var row = 0; row < count; row++)
        {
            var other = row + (int)random.NextBelow((ulong)(Combinations - row));
            (deck[row], deck[other]) = (deck[other], deck[row]);
            Unpack(deck[row], values.AsSpan(row * Names.Count, Names.Count));
        }

        return new(Names, values);
    }

    private static void Unpack(int combination, Span<byte> factors)
    {
        for (var i = factors.Length - 1; i >= 0; i--) (combination, factors[i]) = (combination / Sizes[i], (byte)(combination % Sizes[i]));
    }
}
