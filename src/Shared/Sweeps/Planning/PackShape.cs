namespace Vae.Shared.Sweeps;

/// <summary>How the trials of one <see cref="PackSignature"/> are trained on a worker.</summary>
/// <param name="Slots">Trials fused into one model, 1 or more.</param>
/// <param name="Latent">Latent size of the fused model, at least that of every trial; smaller trials are padded and masked.</param>
/// <param name="Lanes">Packs of this shape that a worker trains side by side, 1 or more.</param>
/// <param name="Threads">Compute threads of each lane, 1 or more.</param>
public sealed record PackShape(int Slots, int Latent, int Lanes, int Threads)
{
    /// <summary>One trial alone, on all of the worker with <paramref name="threads"/> threads.</summary>
    public static PackShape Solo(TrialSpec trial, int threads) => new(1, trial.Model.Latent, 1, threads);

    /// <summary>Whether a trial of the pack's signature fits a slot.</summary>
    public bool Fits(TrialSpec trial) => trial.Model.Latent <= Latent;

    /// <summary>Lanes of a worker with <paramref name="lanes"/> lanes that a pack takes up where <paramref name="sideBySide"/> like it are to fit, at least 1.</summary>
    public static int WidthOn(int lanes, int sideBySide) => Math.Max(1, lanes / Math.Max(1, sideBySide));
}
