namespace Vae.Shared.Sweeps;

/// <summary>
/// Predicts the memory of packs at its peak, so that what does not fit is found out before it runs. Counted in float32 values: what a pack keeps (weights, gradient,
/// optimizer moments, staged batch), what a step leaves behind for backward, and on a processor also what the C allocator does not give back and the files of finished trials.
/// The factors are measured by <c>benchmarks/memory.sh</c>, which shows prediction and measurement side by side.
/// </summary>
public static class PackSize
{
    /// <summary>Rows of one forward pass over held-out rows, shared by the slots of a pack.</summary>
    public const int EvaluationRows = 512;

    private const int Float = 4;

    // Each activation is there twice at the worst: the value that backward needs, and the gradient on its way. Convolutions rearrange one of them besides.
    private const int CopiesOfActivations = 2;
    private const int CopiesOfImages = 3;

    // What the processor's convolutions keep for transformed weights and tiles.
    private const long ConvolutionScratch = 10L << 20;

    // Backward makes the gradient of a layer aside before it is added to the buffer, while the one before is still alive.
    private const int LayerGradients = 2;

    // A slot is filled from a network of its own: its weights, and what drawing them leaves behind.
    private const double OwnNetwork = 1.5;

    // A finished trial's file, and the copy that it was written from, until the garbage collector comes round.
    private const int CopiesInFiles = 2;

    // Blocks above this come from the system and go back to it; smaller ones stay with the thread that freed them.
    private const long ArenaBytes = 64L << 20;

    // Code that is compiled, and buffers of the BLAS, on the first real product.
    private const long ProcessorOverhead = 10L << 20;

    /// <summary>Bytes that one worker fills at its peak: the data set once, and <paramref name="shape"/>'s lanes.</summary>
    /// <param name="trial">Any trial of the pack's signature.</param>
    /// <param name="data">Its images.</param>
    /// <param name="shape">Slots, latent and lanes.</param>
    /// <param name="rows">Rows of one step of one slot on this worker.</param>
    /// <param name="cuda">Whether the memory of a CUDA device is meant, or that of the process.</param>
    public static long WorkerBytes(TrialSpec trial, DataShape data, PackShape shape, int rows, bool cuda) =>
        DatasetBytes(data) + (shape.Lanes * LaneBytes(trial, data, shape, rows, cuda)) + (cuda ? 0 : ProcessorOverhead);

    /// <summary>One byte per value, once for all lanes.</summary>
    public static long DatasetBytes(DataShape data) => (long)data.Rows * data.Values;

    /// <summary>Bytes of one lane at its peak, without the data set.</summary>
    /// <inheritdoc cref="WorkerBytes"/>
    public static long LaneBytes(TrialSpec trial, DataShape data, PackShape shape, int rows, bool cuda)
    {
        var model = trial.Model with { Latent = shape.Latent };
        var own = trial with { Model = model };
        var samples = ObjectiveSize.SamplesPerRow(trial.Training);
        var parameters = ModelSize.Parameters(model, data);
        var trained = parameters + ObjectiveSize.AuxiliaryParameters(own); // What only training needs is in no file, and what drawing it left behind serves its steps.
        var evaluated = (long)shape.Slots * Math.Max(rows, EvaluationRows / samples / shape.Slots);
        var kept = (shape.Slots * trained * (2 + Moments(trial.Training))) + (shape.Slots * ObjectiveSize.CodebookValues(model)) + (evaluated * (data.Values + (samples * (long)model.Latent)));
        var isConv = model.Architecture != Architecture.Mlp;
        var step = shape.Slots * (((isConv ? CopiesOfImages : CopiesOfActivations) * rows * ModelSize.ActivationsPerRow(model, data)) + (LayerGradients * ModelSize.LargestLayer(model, data)) + ObjectiveSize.ExtraPerStep(own, data, rows));
        var evaluation = evaluated * samples * ModelSize.WidestLayer(model, data); // It keeps nothing but the input and the output of the layer that is computed.
        if (cuda) return Float * (kept + Math.Max(step, evaluation));

        // What is free since the pack was built serves the steps, and what they leave serves the evaluation.
        var freed = shape.Slots * Freed(model, data, shape.Slots);
        var network = (long)(OwnNetwork * parameters);
        var files = CopiesInFiles * shape.Slots * (parameters + ObjectiveSize.CodebookState(model));
        if (!isConv) return Float * (kept + Math.Max(freed + network, Math.Max(step, evaluation)) + files);

        // Small blocks of images stay with the thread and are too small for an evaluation; large ones went back to the system.
        var stays = Float * shape.Slots * rows * ModelSize.LargestOutput(model, data) < ArenaBytes / 2;
        var working = stays ? Math.Max(freed, step) + evaluation : Math.Max(freed, Math.Max(step, evaluation));
        return ConvolutionScratch + (Float * (kept + network + working + files));
    }

    // Of the model as it was first built, before its weights moved into one buffer: what stays with the thread.
    private static long Freed(ModelSpec model, DataShape data, int slots) =>
        Float * slots * ModelSize.LargestLayer(model, data) < ArenaBytes ? ModelSize.Parameters(model, data) : ModelSize.Parameters(model, data) / 2;

    private static int Moments(TrainingSpec training) => training.Optimizer switch
    {
        OptimizerKind.Sgd => training.Momentum > 0 ? 1 : 0,
        _ => 2,
    };
}
