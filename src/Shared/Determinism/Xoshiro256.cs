using System.Numerics;

namespace Vae.Shared.Determinism;

/// <summary>
/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64: 32 bytes of state, the same numbers on every machine and in
/// every version of .NET, which the library's own generator does not promise. It is a mutable value, so that a hot path can keep it on
/// the stack; pass it by reference or the copies will repeat each other. <see cref="Prng"/> is the same generator as an object.
/// </summary>
public struct Xoshiro256
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    /// <summary>A generator whose whole history follows from <paramref name="seed"/>. Any value is a good seed, 0 included.</summary>
    public Xoshiro256(ulong seed)
    {
        // splitmix64 visits every state once, so four outputs in a row are never all zero, the one state xoshiro cannot leave.
        _s0 = SplitMix64(ref seed);
        _s1 = SplitMix64(ref seed);
        _s2 = SplitMix64(ref seed);
        _s3 = SplitMix64(ref seed);
    }

    /// <summary>A generator for one item of a family, such as (run seed, epoch): close keys give unrelated histories.</summary>
    public static Xoshiro256 Keyed(ulong seed, ulong key) => new(MixKey(seed, key));

    /// <summary>Folds a key into a seed. Not commutative: (1, 2) and (2, 1) differ.</summary>
    public static ulong MixKey(ulong seed, ulong key)
    {
        var mixed = SplitMix64(ref seed) ^ BitOperations.RotateLeft(key * 0xD1342543DE82EF95, 32);
        return SplitMix64(ref mixed);
    }

    /// <summary>64 uniform bits.</summary>
    public ulong Next()
    {
        var result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        var shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>Uniform in 0 .. <paramref name="bound"/> - 1, without the bias of a remainder (Lemire, 2019).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is 0: there is no such number.</exception>
    public ulong NextBelow(ulong bound)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);
        var high = Math.BigMul(Next(), bound, out var low);
        if (low >= bound) return high;

        // Only here, with probability bound / 2^64, is a division needed: it finds the draws that would be counted twice.
        var threshold = unchecked(0 - bound) % bound;
        while (low < threshold) high = Math.BigMul(Next(), bound, out low);
        return high;
    }

    /// <summary>Uniform in [0, 1), a multiple of 2^-53.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    private static ulong SplitMix64(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
