using Layer = Vae.Shared.Sweeps.ModelSize.Layer;

namespace Vae.Shared.Sweeps;

/// <summary>
/// Float32 values of the tensors that are alive at the peak of a step or of an evaluation, beside weights and staged rows: every layer's output, which backward needs; the gradients on their way
/// through the widest place of the decoder, where all of that is still there; and what families and objectives compute between and behind. Each number below counts tensors of one shape in the code that it
/// names. They are those of a processor, where a layer, its bias and its ReLU are one operation.
/// </summary>
public static class StepSize
{
    // Sample, mean, log variance, deviation and the slope of the clamped log variance (native/posterior.cpp).
    private const int PosteriorTensors = 5;

    // Each layer's two Gaussians are merged operation by operation (LadderDescent, Gaussians); judging walks down twice, once for the means, and frees nothing on the way.
    private const int MergeTensors = 50, JudgedMergeTensors = 80;

    // Of each position of vq: its vector, its code's, both differences and the square of one.
    private const int CodeTensors = 5;

    // Of each position and code of vq beside the logits: their log-softmax's gradient, and that of the one that was gathered. Judged: logits, log-softmax, and the place of the distances, which what comes
    // between them cuts into.
    private const int ChoiceGradients = 2, JudgedChoices = 3;

    // Of each position of vq what one layer of its prior leaves until it is through, in widths (CodePrior.Logits): counted by the heap.
    private const int JudgedMixers = 10;

    // Of each further sample of iwae: the row repeated, its logits, their gradient, and that times the sample's weight; of each latent the posterior, the terms of the rate and their gradients.
    private const int SampledImages = 4, SampledLatents = 15;

    // Of all pairs of rows and each dimension: tc has the steps from the difference to the weighted log density and their gradients, mmd difference and square for three kernels and their gradients.
    private const int DensityTensors = 11, DistanceTensors = 10;

    // The discriminator's hidden layers on latents with frozen weights, on twice as many to be told apart, and the gradients of two.
    private const int ToldTensors = 5;

    // Of all pairs of a row and a component of the VampPrior: products, sums, log density, and gradients; of a pseudo-input the clamped one and its gradient. Judged: all but the gradients.
    private const int ComponentTensors = 6, PseudoTensors = 2, JudgedComponentTensors = 5, JudgedPseudoTensors = 1;

    // Where a label enters: the layer's product, the label's, their sum and the activation; one of them is the layer's output.
    private const int LabelTensors = 4;

    // Of each class of a row of m2: the row repeated, the gradient of its logits, and that times the chance of the class. Judged: the row repeated.
    private const int ClassImages = 3, JudgedClassImages = 1;

    /// <summary>Of one slot in a step of <paramref name="rows"/> rows.</summary>
    /// <param name="trial">With the pack's latent size.</param>
    /// <param name="data">Its images.</param>
    /// <param name="slots">Slots of the pack: where there are several, normalised values are kept beside the scaled ones.</param>
    /// <param name="rows">Rows of one step of one slot on this worker; pairs are of the whole batch.</param>
    public static long OfStep(TrialSpec trial, DataShape data, int slots, int rows)
    {
        var (model, training) = (trial.Model, trial.Training);
        Layer[] layers = [.. Network(model, data)];
        long pairs = (long)training.Batch * training.Batch * model.Latent, samples = ObjectiveSize.SamplesPerRow(training), decoder = DecoderHidden(layers, model, data);
        var network = model.Family == ModelFamily.M2 ? OfClasses(model, data, layers) : Kept(layers, model, data, slots) + Gradients(layers, model);
        var further = (samples - 1) * ((SampledImages * data.Values) + decoder + (model.Family == ModelFamily.Ladder ? Latents(model, data) : SampledLatents * model.Latent));
        return (rows * (network + further)) + (training.Objective switch
        {
            TrainingObjective.Tc => DensityTensors * pairs,
            TrainingObjective.Mmd => DistanceTensors * pairs,
            TrainingObjective.Factor => (long)ToldTensors * rows * (training.DiscriminatorLayers - 1) * training.DiscriminatorWidth,
            _ => 0,
        }) + (model.Prior == Prior.Vamp ? model.PseudoInputs * (Encoder(layers, model, data) + layers[0].Values + (PseudoTensors * data.Values) + (ComponentTensors * rows * samples)) : 0);
    }

    /// <summary>Of all slots together in one pass of an evaluation.</summary>
    /// <param name="trial">With the pack's latent size.</param>
    /// <param name="data">Its images.</param>
    /// <param name="slots">Slots of the pack.</param>
    /// <param name="rows">Rows of the pass, of all slots.</param>
    public static long OfEvaluation(TrialSpec trial, DataShape data, int slots, long rows)
    {
        var model = trial.Model;
        Layer[] layers = [.. Network(model, data)];
        var samples = ObjectiveSize.SamplesPerRow(trial.Training);
        if (model.Family == ModelFamily.M2)
        {
            Layer[] behind = [.. ModelSize.BehindLabel(model, data)];
            var classes = model.Classes ?? 1;
            var atOnce = Math.Min(rows, slots * Math.Max(1L, PackSize.EvaluationRows / classes)) * classes;
            return atOnce * (Widest(behind, 0) + ((LabelTensors - 1) * Labelled(model, data)) + (JudgedClassImages * data.Values) + (PosteriorTensors * model.Latent));
        }

        if (model.Family == ModelFamily.Vq)
        {
            var ofPosition = Math.Max(((long)JudgedChoices * model.Codes) + model.CodeSize, (JudgedMixers * model.CodePriorWidth) + (2L * model.CodeSize));
            return rows * Math.Max(Widest(layers, data.Values), model.CodePositions(data.Height, data.Width) * ofPosition);
        }

        var ends = model.Family switch
        {
            ModelFamily.Ladder => (JudgedMergeTensors * model.Ladder.Sum()) + model.EncoderWidths.Sum(),
            ModelFamily.Conditional => LabelTensors * Labelled(model, data),
            _ => 0,
        };
        // The end of the encoder as image and as row, and the beginning of the decoder, are there until the pass is over.
        if (model.Architecture != Architecture.Mlp) ends += (3 * Bottom(layers, model, data)) + model.Hidden;
        var residual = model.Architecture == Architecture.Resnet ? layers.Where(layer => layer.IsNorm).Max(layer => layer.Values) : 0; // What is added behind a block, and the normalised values.
        var widest = Widest(layers, data.Values) + (residual * (slots > 1 ? 3 : 1));
        return (rows * ((samples * widest) + ends))
            + (model.Prior == Prior.Vamp ? slots * model.PseudoInputs * (layers[0].Values + (JudgedPseudoTensors * data.Values)) + (model.PseudoInputs * JudgedComponentTensors * rows * samples) : 0);
    }

    private static IEnumerable<Layer> Network(ModelSpec model, DataShape data) => model.Family == ModelFamily.Ladder ? ModelSize.Layers(model, data) : ModelSize.Plain(model, data);

    // What backward needs of one row.
    private static long Kept(Layer[] layers, ModelSpec model, DataShape data, int slots)
    {
        var outputs = layers.Sum(layer => layer.Values);
        var isDense = model.Architecture == Architecture.Mlp;
        var hidden = outputs - data.Values - (2 * model.Latent);
        // A rectifier knows its gradient by what came out; the others need what went in, too. In a stack of dense layers tanh keeps both.
        var before = model.Activation == Activation.Relu || model.Activation == (isDense ? Activation.LeakyRelu : Activation.Tanh) ? 0 : Math.Max(0, hidden);
        var normalised = slots > 1 ? layers.Where(layer => layer.IsNorm).Sum(layer => layer.Values) : 0;
        var rows = isDense ? 0 : Bottom(layers, model, data); // The last map of the encoder as a row.
        var labels = model.Family == ModelFamily.Conditional ? (LabelTensors - 1) * Labelled(model, data) : 0;
        return outputs + before + normalised + rows + labels + Latents(model, data);
    }

    // On their way back through the layers: in and out of the place where they are most. That of the logits comes with the loss. A stack of dense layers is one operation, which holds what came in until it is
    // through; of convolutions what lies behind is gone, but for the logits, which belong to the step.
    private static long Gradients(Layer[] layers, ModelSpec model)
    {
        var held = model.Architecture == Architecture.Mlp ? layers[^1].Values : 0;
        long most = layers[^1].Values + layers[^2].Values, gone = 0;
        for (var i = layers.Length - 2; i > 0; i--)
        {
            most = Math.Max(most, held + layers[i].Values + layers[i - 1].Values - gone);
            gone += layers[i].Values;
        }

        return most + (layers.Any(layer => layer.IsNorm) ? layers.Where(layer => layer.IsNorm).Max(layer => layer.Values) : 0); // Beside a block goes the gradient of what is added.
    }

    private static long Latents(ModelSpec model, DataShape data)
    {
        if (model.Family == ModelFamily.Ladder) return (long)MergeTensors * model.Ladder.Sum();
        if (model.Family != ModelFamily.Vq) return PosteriorTensors * model.Latent;
        Layer[] prior = [.. ModelSize.CodePrior(model, data)];
        long positions = model.CodePositions(data.Height, data.Width), mixers = prior.Length - 3;
        return prior.Sum(layer => layer.Values) + (positions * (((CodeTensors + 1) * model.CodeSize) + (2 * mixers * model.CodePriorWidth) + (ChoiceGradients * model.Codes)));
    }

    // The classes of a row are rows of their own from where the label enters; the classifier has an encoder of its own.
    private static long OfClasses(ModelSpec model, DataShape data, Layer[] layers)
    {
        Layer[] behind = [.. ModelSize.BehindLabel(model, data)];
        long own = layers[..^behind.Length].Sum(layer => layer.Values), classifier = layers[..ModelSize.Head(model, data)].Sum(layer => layer.Values);
        var ofClass = behind.Sum(layer => layer.Values) + ((LabelTensors - 2) * Labelled(model, data)) + (ClassImages * data.Values) + (PosteriorTensors * model.Latent);
        return own + classifier + ((model.Classes ?? 1) * ofClass);
    }

    private static long Encoder(Layer[] layers, ModelSpec model, DataShape data) => layers.Take(ModelSize.Head(model, data) + 1).Sum(layer => layer.Values);

    private static long Widest(Layer[] layers, long before)
    {
        long widest = 0;
        foreach (var layer in layers) (widest, before) = (Math.Max(widest, before + layer.Values), layer.Values);
        return widest;
    }

    private static long DecoderHidden(Layer[] layers, ModelSpec model, DataShape data) => model.Family == ModelFamily.Ladder
        ? model.DecoderWidths[^1] * 2L
        : layers.Skip(ModelSize.Head(model, data) + 1).Sum(layer => layer.Values) - data.Values;

    private static long Bottom(Layer[] layers, ModelSpec model, DataShape data) => layers.Length == 0 ? 0 : layers[Math.Max(0, ModelSize.Head(model, data) - 2)].Values;

    // Outputs of the two layers at which a label enters.
    private static long Labelled(ModelSpec model, DataShape data)
    {
        var behind = ModelSize.BehindLabel(model, data).ToArray();
        return behind[0].Values + behind[model.Architecture == Architecture.Mlp ? ModelSize.Head(model, data) + 1 : 2].Values;
    }
}
