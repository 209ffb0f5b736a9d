namespace Vae.Shared.Sweeps;

/// <summary>
/// Predicts the memory of packs at its peak, so that what does not fit is found out before it runs. Counted in float32 values: what a pack keeps (weights, gradient,
/// optimizer moments, staged rows), and the most that is alive at a time beside it: of a step, of an evaluation, of the models of trials that have ended; on a processor also their files. What the C library keeps
/// is no part of it: tensors lie in heaps of their lanes (native/heap.h), which fill little more than what is alive.
/// <c>benchmarks/memory.sh</c> shows prediction and measurement side by side.
/// </summary>
public static class PackSize
{
    /// <summary>Rows of one forward pass over held-out rows, shared by the slots of a pack.</summary>
    public const int EvaluationRows = 512;

    private const int Float = 4;

    // On a device operations are not fused, and the library of convolutions takes room of its own. Not measured: on the safe side.
    private const int DeviceFactor = 2;

    // What lies unused between the blocks of a heap.
    private const double Holes = 1.04;

    // A convolution of 4 x 4 keeps its weights by planes, 25 for each of four parities of pixels, and sums as many of their gradient (native/conv_tiles.h): 100 values for 16 weights, twice.
    private const double ScratchPerWeight = 2 * 100 / 16.0;

    // Code that is compiled, and buffers of the BLAS, on the first real product.
    private const long ProcessorOverhead = 4L << 20;

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
        var own = trial with { Model = trial.Model with { Latent = shape.Latent } };
        var (model, samples) = (own.Model, ObjectiveSize.SamplesPerRow(trial.Training));
        var parameters = ModelSize.Parameters(model, data);
        var trained = parameters + ObjectiveSize.AuxiliaryParameters(own); // What only training needs is in no file.
        var result = parameters + ObjectiveSize.CodebookState(model);
        var kept = shape.Slots * ((trained * (2 + Moments(trial.Training))) + ObjectiveSize.CodebookValues(model));

        long single = Math.Max(1, EvaluationRows / samples), evaluated = Math.Max(single, shape.Slots * Math.Max(Math.Min(trial.Training.Batch, data.TrainRows), single / shape.Slots));
        var staged = evaluated * (data.Values + (samples * NoisePerSample(model)));
        var working = Math.Max(shape.Slots * StepSize.OfStep(own, data, shape.Slots, rows), StepSize.OfEvaluation(own, data, shape.Slots, evaluated));
        if (cuda) return Float * (kept + staged + (DeviceFactor * working));

        // A slot is filled from a network of its own. The models of trials that end together are there until their files are stored and their ends are known.
        var models = Math.Max(trained, shape.Slots * result);
        var tensors = staged + Math.Max((long)(Holes * working), models);
        return Float * (kept + tensors + (shape.Slots * result) + (long)(ScratchPerWeight * ModelSize.LargestConvolution(model, data)));
    }

    private static long NoisePerSample(ModelSpec model) => model.Family switch
    {
        ModelFamily.Ladder => model.Ladder.Sum(),
        ModelFamily.Vq => 0,
        _ => model.Latent,
    };

    private static int Moments(TrainingSpec training) => training.Optimizer switch
    {
        OptimizerKind.Sgd => training.Momentum > 0 ? 1 : 0,
        _ => 2,
    };
}
