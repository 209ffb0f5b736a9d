namespace Vae.Shared.Sweeps;

/// <summary>What an objective adds to the parameters and to the cost of a step; what to its memory is in <see cref="StepSize"/>.</summary>
public static class ObjectiveSize
{
    /// <summary>Codes of vq that may begin anew in one step.</summary>
    public const int RevivedPerStep = 64;

    // An exponential and some twenty operations on each pair and dimension, both ways.
    private const double FlopsOfPairs = 50;

    // Frozen, the discriminator is passed forward and back to the latents; trained, by twice the rows, forward and back to the weights.
    private const double FlopsOfDiscriminator = 4 + (2 * 6);

    /// <summary>Trained values that only training needs: the discriminator of factor.</summary>
    public static long AuxiliaryParameters(TrialSpec trial)
    {
        var training = trial.Training;
        if (training.Objective != TrainingObjective.Factor) return 0;
        long width = training.DiscriminatorWidth;
        return ((trial.Model.Latent + 1) * width) + ((training.DiscriminatorLayers - 2) * (width + 1) * width) + ((width + 1) * 2);
    }

    /// <summary>
    /// Values that a slot of vq keeps beside its weights: the codebook with its running counts and sums, and behind the gradient the counts and sums of a step and the vectors that dead codes begin anew at.
    /// </summary>
    public static long CodebookValues(ModelSpec model) =>
        model.Family == ModelFamily.Vq ? CodebookState(model) + ((long)model.Codes * (1 + model.CodeSize)) + (Math.Min(model.Codes, RevivedPerStep) * (1L + model.CodeSize)) : 0;

    /// <summary>Values of a slot of vq that are in its files and have no gradient: the codebook with its running counts and sums.</summary>
    public static long CodebookState(ModelSpec model) => model.Family == ModelFamily.Vq ? (long)model.Codes * (1 + (2 * model.CodeSize)) : 0;

    /// <summary>Rows that the decoder computes for each row of data: the samples of iwae.</summary>
    public static int SamplesPerRow(TrainingSpec training) => training.Objective == TrainingObjective.Iwae ? training.ImportanceSamples : 1;

    /// <summary>Multiplications and additions that an objective adds to those of encoder and decoder.</summary>
    /// <param name="trial">With the pack's latent size.</param>
    /// <param name="rows">Rows of one step on one worker; pairs are of the whole batch on each.</param>
    public static double ExtraFlops(TrialSpec trial, int rows)
    {
        var pairs = (double)trial.Training.Batch * trial.Training.Batch * trial.Model.Latent;
        return trial.Training.Objective switch
        {
            TrainingObjective.Tc or TrainingObjective.Mmd => FlopsOfPairs * pairs,
            TrainingObjective.Factor => FlopsOfDiscriminator * rows * AuxiliaryParameters(trial),
            _ => 0,
        };
    }
}
