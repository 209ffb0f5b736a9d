namespace Vae.Shared.Sweeps;

/// <summary>What an objective adds to the size of a step, in float32 values of one slot on one worker.</summary>
public static class ObjectiveSize
{
    // Differences, squares and densities of all pairs of rows, and the gradient of each.
    private const int CopiesOfPairs = 6;

    // Products and log densities of all pairs of a row and a component, and the gradient of each.
    private const int CopiesOfComponents = 4;

    /// <summary>Trained values that only training needs: the discriminator of factor.</summary>
    public static long AuxiliaryParameters(TrialSpec trial)
    {
        var training = trial.Training;
        if (training.Objective != TrainingObjective.Factor) return 0;
        long width = training.DiscriminatorWidth;
        return ((trial.Model.Latent + 1) * width) + ((training.DiscriminatorLayers - 2) * (width + 1) * width) + ((width + 1) * 2);
    }

    /// <summary>Rows that the decoder computes for each row of data: the samples of iwae.</summary>
    public static int SamplesPerRow(TrainingSpec training) => training.Objective == TrainingObjective.Iwae ? training.ImportanceSamples : 1;

    /// <summary>Values that a step leaves behind for backward beside those of the plain bound.</summary>
    /// <param name="trial">With the pack's latent size.</param>
    /// <param name="data">Its images.</param>
    /// <param name="rows">Rows of one step on one worker.</param>
    public static long ExtraPerStep(TrialSpec trial, DataShape data, int rows)
    {
        var (model, training) = (trial.Model, trial.Training);
        long pairs = (long)training.Batch * training.Batch * model.Latent, samples = SamplesPerRow(training);
        var extra = training.Objective switch
        {
            // The images are repeated for each sample; the rest is the decoder's, counted as if the encoder were as large.
            TrainingObjective.Iwae => (samples - 1) * rows * (data.Values + ModelSize.ActivationsPerRow(model, data)),
            TrainingObjective.Tc => CopiesOfPairs * pairs,
            TrainingObjective.Mmd => CopiesOfPairs * pairs,
            TrainingObjective.Factor => 3L * rows * training.DiscriminatorLayers * training.DiscriminatorWidth * 2,
            _ => 0,
        };
        if (model.Prior == Prior.Vamp)
            extra += (model.PseudoInputs * ModelSize.ActivationsPerRow(model, data)) + (CopiesOfComponents * rows * samples * model.PseudoInputs);
        return extra;
    }
}
