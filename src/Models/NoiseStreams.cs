namespace Vae.Models;

/// <summary>What a stream of the counter-based generator is for. Streams of different purposes never overlap.</summary>
public enum NoisePurpose : byte
{
    /// <summary>Initial weights.</summary>
    Weights = 1,

    /// <summary>Reparametrisation noise of a training step.</summary>
    Posterior = 2,

    /// <summary>Dynamic binarisation of a training step.</summary>
    Binarize = 3,

    /// <summary>Reparametrisation noise of the held-out rows: the same at every evaluation, so that curves are comparable.</summary>
    HeldOutPosterior = 4,

    /// <summary>Dynamic binarisation of the held-out rows, drawn once.</summary>
    HeldOutBinarize = 5,

    /// <summary>Draws from the prior (step 0), from a density that was fitted in its place (step 1), and of a mixture's components (step 2).</summary>
    Prior = 6,

    /// <summary>Draws of an importance-weighted estimate, one step for each draw of all rows.</summary>
    Importance = 32,

    /// <summary>Draws of the aggregate posterior.</summary>
    AggregatePosterior = 33,

    /// <summary>Draws from the posteriors of rows that a trained model is used on, one step for each draw of all rows.</summary>
    Application = 48,

    /// <summary>Draws from the prior that a training step compares its latents with.</summary>
    PriorBatch = 64,

    /// <summary>How a training step shuffles latent dimensions over the batch.</summary>
    Permutation = 65,

    /// <summary>Which vectors of a training step dead codes may begin anew at, and by what chance.</summary>
    CodeRevival = 66,
}

/// <summary>Names the streams: noise is a pure function of (seed, purpose, step, row, column), whoever computes it.</summary>
public static class NoiseStreams
{
    private const int StepBits = 56;

    /// <summary>The stream of <paramref name="purpose"/> at <paramref name="step"/>, 0 to 2^56 - 1.</summary>
    public static ulong Of(NoisePurpose purpose, long step = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(step, 1L << StepBits);
        return ((ulong)purpose << StepBits) | (ulong)step;
    }
}
