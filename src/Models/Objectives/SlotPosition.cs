using Vae.Shared.Sweeps;

namespace Vae.Models.Objectives;

/// <summary>Where a trial stands before a step: all that its schedules may depend on.</summary>
/// <param name="Trial">Its hyperparameters.</param>
/// <param name="Step">Updates applied so far.</param>
/// <param name="StepsPerEpoch">Steps of an epoch, at least 1.</param>
/// <param name="StepsTotal">Updates that the trial asks for.</param>
/// <param name="Rows">Rows of the step's global batch, over all ranks.</param>
/// <param name="TrainRows">Rows of an epoch.</param>
public readonly record struct SlotPosition(TrialSpec Trial, long Step, int StepsPerEpoch, long StepsTotal, int Rows, int TrainRows);

/// <summary>The weight of the rate over the course of a trial.</summary>
public static class RateSchedule
{
    /// <summary>Beta times the schedule's share in the step to come.</summary>
    public static double Weight(in SlotPosition at) => at.Trial.Training.Beta * Share(at);

    /// <summary>
    /// The schedule's share, 0 to 1, in the step to come: all of it; linear from 0 over the warm-up (Bowman et al. 2016, section 3.1); or in cycles of equal length over the
    /// whole training, each of which rises linearly from 0 and then stays (Fu et al. 2019, equations 6 and 7).
    /// </summary>
    public static double Share(in SlotPosition at)
    {
        var training = at.Trial.Training;
        switch (training.KlSchedule)
        {
            case KlSchedule.Constant:
                return 1;
            case KlSchedule.Linear:
                var warmup = training.KlWarmupEpochs * at.StepsPerEpoch;
                return warmup <= 0 ? 1 : Math.Min(1, at.Step / warmup);
            case KlSchedule.Cyclical:
                var length = Math.Max(1, (at.StepsTotal + training.KlCycles - 1) / training.KlCycles);
                return Math.Min(1, at.Step % length / (training.KlCycleRise * length));
            default:
                throw new ArgumentOutOfRangeException(nameof(at), training.KlSchedule, "Unknown schedule.");
        }
    }

    /// <summary>The KL that a capacity pulls to in the step to come: from 0 linearly to the capacity (Burgess et al. 2018, section 4).</summary>
    public static double Target(in SlotPosition at)
    {
        var training = at.Trial.Training;
        var steps = training.CapacityEpochs > 0 ? training.CapacityEpochs * at.StepsPerEpoch : at.StepsTotal;
        return (training.Capacity ?? 0) * Math.Min(1, at.Step / steps);
    }
}
