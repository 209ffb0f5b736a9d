using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// Sums the flat gradient buffer, with the statistics at its end, over all ranks of one ring. The statistics are written before <see cref="Begin"/>; an exchange may
/// send each part of the buffer as soon as backward has finished it. Statistics must arrive as exact float32 sums: they carry votes.
/// </summary>
public interface IGradientExchange : IDisposable
{
    /// <summary>The first bucket number that no gradient uses; <see cref="Sum(Span{float}, long)"/> takes it, those above serve <see cref="Sum(Tensor, long, int)"/>.</summary>
    int FreeBucket { get; }

    /// <summary>Time that all-reduces of the last step took, in seconds, whether training stood still for them or not.</summary>
    double LastSeconds { get; }

    /// <summary>The step's only backward is about to run; on a rank without rows it will not.</summary>
    void Begin(long step);

    /// <summary>Backward is over. When this returns, the whole buffer holds sums over all ranks.</summary>
    void Complete();

    /// <summary>Sums the statistics alone: an idle pack has no gradients.</summary>
    void ReduceStatistics(long step);

    /// <summary>Sums anything else between two steps.</summary>
    /// <returns>False in a gang of one: the values are as they were.</returns>
    bool Sum(Span<float> values, long step);

    /// <summary>Sums what a step's forward pass needs from all ranks, before <see cref="Begin"/>.</summary>
    /// <param name="values">Contiguous float32 on the device of the gradients.</param>
    /// <param name="step">The step.</param>
    /// <param name="index">Which of the step's sums, from 0.</param>
    void Sum(Tensor values, long step, int index);

    /// <summary>Forgets what the exchange has kept of one slot's gradients: its trial is gone.</summary>
    void ResetSlot(int slot) { }
}
