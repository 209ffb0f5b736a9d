namespace Vae.Shared.Sweeps;

/// <summary>What an objective adds to the size of a step, in float32 values of one slot on one worker.</summary>
public static class ObjectiveSize
{
    // Of all pairs of rows and each dimension, tc leaves seven steps from the difference to the weighted log density, and needs as many again for the gradients and the two log-sum-exps;
    // mmd leaves difference and square for each of its three kernels, and needs as many for their gradients.
    private const int CopiesOfDensities = 15;
    private const int CopiesOfDistances = 12;

    // Of each sample of iwae: the image repeated, what the decoder makes of it, its gradient, and that times the sample's weight; of hidden layers the value and the gradient before and
    // behind the activation; of the latent the posterior, the sample, the terms of the rate and their gradients.
    private const int CopiesOfSampledImages = 4, CopiesOfSampledLayers = 3, CopiesOfSampledLatents = 15;

    // The discriminator's hidden layers before and behind the activation, on latents with frozen weights and on twice as many to be told apart.
    private const int CopiesOfToldLayers = 4;

    // Products and log densities of all pairs of a row and a component, and the gradient of each.
    private const int CopiesOfComponents = 4;

    // Scores, choices as bits and as numbers, log-probabilities of the prior and the gradient of them, for each position and code.
    private const int CopiesOfChoices = 5;

    // What the decoder makes of a row under each class, and the gradient of it.
    private const long CopiesOfClasses = 2;

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
            TrainingObjective.Iwae => (samples - 1) * rows * ((CopiesOfSampledImages * data.Values) + (CopiesOfSampledLayers * ModelSize.DecoderOutputs(model, data)) + (CopiesOfSampledLatents * model.Latent)),
            TrainingObjective.Tc => CopiesOfDensities * pairs,
            TrainingObjective.Mmd => CopiesOfDistances * pairs,
            TrainingObjective.Factor => Math.Max(0, (CopiesOfToldLayers * (long)rows * (training.DiscriminatorLayers - 1) * training.DiscriminatorWidth) - AuxiliaryParameters(trial)),
            _ => 0,
        };
        if (model is { Family: ModelFamily.M2, Classes: > 1 and var classes }) extra += CopiesOfClasses * (classes - 1) * rows * ModelSize.ActivationsPerClass(model, data);
        if (model.Family == ModelFamily.Vq) extra += (long)CopiesOfChoices * rows * model.CodePositions(data.Height, data.Width) * model.Codes;
        if (model.Prior == Prior.Vamp)
            extra += (model.PseudoInputs * ModelSize.ActivationsPerRow(model, data)) + (CopiesOfComponents * rows * samples * model.PseudoInputs);
        return extra;
    }
}
