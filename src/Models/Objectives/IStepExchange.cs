using Vae.Torch;

namespace Vae.Models.Objectives;

/// <summary>
/// What the ranks of a gang tell each other in the middle of a forward pass, for losses that are no sums over rows. All ranks make the same calls with the same shapes
/// in the same order: one without rows makes them in <see cref="PackObjective.Abstain"/>. A sum that fails throws, and the step is never applied.
/// </summary>
public interface IStepExchange
{
    /// <summary>Ranks in the gang; with 1 a sum changes nothing.</summary>
    int WorldSize { get; }

    /// <summary>Replaces contiguous float32 values by their sum over all ranks. To be called outside of what is differentiated, on detached values.</summary>
    void Sum(Tensor values);
}

/// <summary>The exchange of a rank alone.</summary>
public sealed class NoStepExchange : IStepExchange
{
    /// <summary>It has no state.</summary>
    public static NoStepExchange Instance { get; } = new();

    /// <inheritdoc/>
    public int WorldSize => 1;

    /// <inheritdoc/>
    public void Sum(Tensor values) { }
}
