using Vae.Shared;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>
/// What training comes to when nothing goes wrong, by arithmetic that forgives nothing: each step mixes the weights before with a sum over the rows of its batch, so a row that is left out or taken twice, a
/// step that is skipped or repeated, or a state that was mixed up, changes all weights that follow. The same trial has the same weights at the same step in every run that is right.
/// </summary>
internal sealed class Oracle
{
    /// <summary>Rows of a global batch.</summary>
    public const int Batch = 12;

    /// <summary>Steps of an epoch.</summary>
    public const int EpochSteps = 8;

    private readonly Dictionary<TrialId, List<ulong>> _weights = [];

    /// <summary>Steps that a trial is to do: a few epochs.</summary>
    public static long StepsOf(int trial) => EpochSteps * (2 + (trial % 4));

    /// <summary>Its loss is soon not finite: ends its slot alone.</summary>
    public static bool IsFaulty(int trial) => trial % 17 == 4;

    /// <summary>It breaks the engine, alone or not: the attempt fails, and with it whatever else is in the pack.</summary>
    public static bool IsPoison(int trial) => trial % 29 == 7;

    /// <summary>Beside others it does not fit the memory.</summary>
    public static bool IsGreedy(int trial) => trial % 31 == 9;

    /// <summary>Whether it can be trained to its end.</summary>
    public static bool CanEndWell(int trial) => !IsFaulty(trial) && !IsPoison(trial);

    /// <summary>The step at which a faulty trial ends.</summary>
    public const long FaultyStep = 5;

    /// <summary>Weights before the first step.</summary>
    public static ulong Initial(TrialId trial) => Mix((ulong)trial.Index + 1, Name(trial.Sweep));

    /// <summary>What rank <paramref name="rank"/> of <paramref name="size"/> adds to the sum of a step: its part of the rows.</summary>
    public static ulong Part(TrialId trial, long step, int rank, int size)
    {
        var sum = 0UL;
        for (var row = Batch * rank / size; row < Batch * (rank + 1) / size; row++) sum += Mix((ulong)((step * Batch) + row + 1), (ulong)trial.Index);
        return sum;
    }

    /// <summary>The weights after a step.</summary>
    public static ulong Next(ulong weights, ulong sum) => Mix(weights, sum);

    /// <summary>The figure that a finished trial is ranked by: it follows from its last weights.</summary>
    public double ElboOf(TrialId trial) => ElboOf(WeightsAt(trial, StepsOf(trial.Index)));

    /// <summary>The figure that follows from weights.</summary>
    public static double ElboOf(ulong weights) => -50 - (weights % 100_000 / 1_000.0);

    /// <summary>The loss that a step is reported with.</summary>
    public static double LossOf(ulong weights) => weights % 10_000 / 100.0;

    /// <summary>The weights after so many steps.</summary>
    public ulong WeightsAt(TrialId trial, long step)
    {
        if (!_weights.TryGetValue(trial, out var known)) _weights[trial] = known = [Initial(trial)];
        while (known.Count <= step) known.Add(Next(known[^1], Part(trial, known.Count - 1, 0, 1)));
        return known[(int)step];
    }

    /// <summary>Two numbers into one that depends on every bit of both (the finaliser of MurmurHash3, twice).</summary>
    public static ulong Mix(ulong one, ulong other) => Finish(Finish(one * 0x9E3779B97F4A7C15) ^ (other + 0x632BE59BD9B4E019));

    private static ulong Finish(ulong x)
    {
        x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD;
        x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53;
        return x ^ (x >> 33);
    }

    private static ulong Name(SweepId sweep)
    {
        var hash = 0UL;
        foreach (var letter in sweep.Value) hash = (hash * 31) + letter;
        return hash;
    }
}
