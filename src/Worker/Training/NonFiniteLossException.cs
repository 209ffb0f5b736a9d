using Vae.Shared;

namespace Vae.Worker.Training;

/// <summary>The loss of a trial is not finite any more. Its weights of the step before were the last good ones.</summary>
public sealed class NonFiniteLossException(Step step, int slot, double distortion, double rate)
    : Exception($"non-finite loss at step {step.Value} (distortion {distortion}, rate {rate} nats per row); try a smaller learning_rate, or set gradient_clip")
{
    /// <summary>The update that was not applied.</summary>
    public Step Step { get; } = step;

    /// <summary>The trial's slot in its pack.</summary>
    public int Slot { get; } = slot;
}
