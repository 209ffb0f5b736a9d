using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>What the shape of packs follows from, besides the worker.</summary>
/// <param name="Trial">Stands for all trials of its signature: the one of the largest latent size.</param>
/// <param name="Data">What it is trained on.</param>
/// <param name="Binarize">How its grey values become bits; drawing bits anew for each step takes time.</param>
/// <param name="Resources">What the sweep file asks for.</param>
/// <param name="Trials">Trials of this signature that are to be trained, 1 or more.</param>
/// <param name="Steps">Optimizer updates of all of them together.</param>
public sealed record PackQuestion(TrialSpec Trial, DataShape Data, Binarize Binarize, ResourceSpec Resources, long Trials, long Steps)
{
    /// <summary>What all the trials have in common.</summary>
    public PackSignature Signature => PackSignature.Of(Trial);

    /// <summary>Rows of one step on one worker of a gang of the least size.</summary>
    public int RowsPerWorker
    {
        get
        {
            var rows = Math.Min(Trial.Training.Batch, Data.TrainRows);
            return (rows + Resources.WorkersPerPackMin - 1) / Resources.WorkersPerPackMin;
        }
    }
}

/// <summary>What a plan needs to know of the workers: all of one kind, so one speaks for all.</summary>
/// <param name="Cuda">Whether they compute on a CUDA device.</param>
/// <param name="Cores">Compute threads that one worker may use, 1 or more; lanes times threads never exceeds it on a processor.</param>
/// <param name="MemoryBytes">Memory that one worker may fill; 0 where nobody knows.</param>
/// <param name="Workers">How many there are, 1 or more.</param>
public sealed record WorkerRoom(bool Cuda, int Cores, long MemoryBytes, int Workers);

/// <summary>What a probe measured of one shape.</summary>
/// <param name="Lanes">Packs side by side.</param>
/// <param name="Slots">Trials fused in each.</param>
/// <param name="Threads">Compute threads of each lane.</param>
/// <param name="StepsPerSecond">Updates of single trials, over all slots of all lanes.</param>
public sealed record ProbeReading(int Lanes, int Slots, int Threads, double StepsPerSecond);

/// <summary>What a choice rests on.</summary>
public enum PlanBasis
{
    /// <summary>The sweep file says it, or there is only one trial and one thread to choose from.</summary>
    Forced,

    /// <summary>A probe on a worker of this kind.</summary>
    Measured,

    /// <summary>No probe, because the work is too short to repay one or none could be made.</summary>
    RuleOfThumb,

    /// <summary>More slots or lanes would be faster but do not fit the memory.</summary>
    Memory,
}

/// <summary>The shape chosen for the trials of one signature.</summary>
/// <param name="Shape">Slots, latent size, lanes and threads.</param>
/// <param name="MemoryBytes">What a worker is predicted to fill at its peak.</param>
/// <param name="StepsPerSecond">Updates of single trials on one worker; estimated unless <paramref name="IsMeasured"/>.</param>
/// <param name="IsMeasured">Whether the speed comes from a probe.</param>
/// <param name="Basis">What the choice rests on.</param>
/// <param name="Reason">The same in words, for people.</param>
public sealed record PackChoice(PackShape Shape, long MemoryBytes, double StepsPerSecond, bool IsMeasured, PlanBasis Basis, string Reason);
