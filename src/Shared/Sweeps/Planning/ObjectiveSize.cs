namespace Vae.Shared.Sweeps;

/// <summary>What an objective adds to the size of a step, in float32 values of one slot on one worker.</summary>
public static class ObjectiveSize
{
    // Differences, squares and densities of all pairs of rows, and the gradient of each.
    private const int CopiesOfPairs = 6;

    // Products and log densities of all pairs of a row and a component, and the gradient of each.
    private const int CopiesOfComponents = 4;

    // Scores, choices as bits and as numbers, log-probabilities of the prior and the gradient of them, for each position and code.
    private const int CopiesOfChoices = 5;

    // What the decoder makes of a row under each class, and the gradient of it.
    private const long CopiesOfClasses = 2;

    /// <summary>Codes of vq that may begin anew in one step.</summary>
    public const int RevivedPerStep = 64;

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
        if (model is { Family: ModelFamily.M2, Classes: > 1 and var classes }) extra += CopiesOfClasses * (classes - 1) * rows * ModelSize.ActivationsPerClass(model, data);
        if (model.Family == ModelFamily.Vq) extra += (long)CopiesOfChoices * rows * model.CodePositions(data.Height, data.Width) * model.Codes;
        if (model.Prior == Prior.Vamp)
            extra += (model.PseudoInputs * ModelSize.ActivationsPerRow(model, data)) + (CopiesOfComponents * rows * samples * model.PseudoInputs);
        return extra;
    }
}
