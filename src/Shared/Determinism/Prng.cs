namespace Vae.Shared.Determinism;

/// <summary>
/// The random source that actors, the simulator and the data sources are handed: portable, seeded, and splittable by name, so that a
/// run is repeated by its seed. Not for secrets, and not safe to share between threads.
/// </summary>
/// <param name="seed">Any value; it fixes every number that follows.</param>
public sealed class Prng(ulong seed)
{
    private Xoshiro256 _state = new(seed);

    /// <summary>The seed this generator was made from, for the line that tells a user how to replay.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>64 uniform bits.</summary>
    public ulong Next() => _state.Next();

    /// <summary>Uniform in 0 .. <paramref name="bound"/> - 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is below 1.</exception>
    public int NextBelow(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (int)_state.NextBelow((ulong)bound);
    }

    /// <summary>Uniform in 0 .. <paramref name="bound"/> - 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is below 1.</exception>
    public long NextBelow(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (long)_state.NextBelow((ulong)bound);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => _state.NextDouble();

    /// <summary>True with the given probability; 0 and below never, 1 and above always. One number is drawn in every case.</summary>
    public bool Chance(double probability) => _state.NextDouble() < probability;

    /// <summary>Uniform from <paramref name="min"/> to <paramref name="max"/>, both included, in ticks of 100 ns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The smaller bound is the larger one.</exception>
    public TimeSpan Between(TimeSpan min, TimeSpan max)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(min, max);
        return new(min.Ticks + (long)_state.NextBelow((ulong)(max.Ticks - min.Ticks) + 1));
    }

    /// <summary>
    /// A generator of its own for one purpose. It depends on this one's seed and on <paramref name="stream"/> only, not on how many numbers were
    /// drawn here, so a new draw in one place does not change the history of another.
    /// </summary>
    public Prng Fork(ulong stream) => new(Xoshiro256.MixKey(Seed, stream));
}
