using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>Where a trial stands before a step: all that its schedules may depend on.</summary>
/// <param name="Trial">Its hyperparameters.</param>
/// <param name="Step">Updates applied so far.</param>
/// <param name="StepsPerEpoch">Steps of an epoch, at least 1.</param>
/// <param name="StepsTotal">Updates that the trial asks for.</param>
/// <param name="Rows">Rows of the step's global batch, over all ranks.</param>
public readonly record struct SlotPosition(TrialSpec Trial, long Step, int StepsPerEpoch, long StepsTotal, int Rows);

/// <summary>The weight of the rate over the course of a trial.</summary>
public static class RateSchedule
{
    /// <summary>Beta times the schedule's share in the step to come: linear from 0 over the warm-up (Bowman et al. 2016, section 3.1).</summary>
    public static double Weight(in SlotPosition at)
    {
        var training = at.Trial.Training;
        var warmup = training.KlWarmupEpochs * at.StepsPerEpoch;
        return warmup <= 0 ? training.Beta : training.Beta * Math.Min(1, at.Step / warmup);
    }
}
