using System.Globalization;

namespace Vae.Shared.Sweeps;

/// <summary>
/// What must be equal for trials to be trained as one fused model: all that decides the shapes and the kind of an operation. What is only a
/// number in an operation (beta, learning rate, warm-up, seed, decay, clip) is a vector with one entry per slot, how long a trial trains
/// is its own business, and a smaller latent is padded; none of these are part of it.
/// </summary>
/// <param name="Key">Equal texts, equal signatures, from one version of the program to the next; a person can read it.</param>
public sealed record PackSignature(string Key)
{
    /// <summary>Fields that this trial's kind of model or optimizer does not use are left out, so they never keep trials apart.</summary>
    public static PackSignature Of(TrialSpec trial)
    {
        var (model, training) = (trial.Model, trial.Training);
        string[] words =
        [
            Word(model.Family),
            .. Layers(model),
            $"activation={Word(model.Activation)}",
            .. model.Likelihood == Likelihood.Gaussian
                ? ["gaussian", $"variance={(model.Variance is { } fixedAt ? fixedAt.ToString("R", CultureInfo.InvariantCulture) : "learned")}"]
                : (string[])[Choice<Likelihood>.Word(model.Likelihood)],
            $"batch={training.Batch}",
            // Momentum needs a buffer that plain gradient descent does not have.
            training is { Optimizer: OptimizerKind.Sgd, Momentum: > 0 } ? "optimizer=sgd+momentum" : $"optimizer={Word(training.Optimizer)}",
            .. Family(model),
            .. Objective(training),
        ];
        return new(string.Join(' ', words));
    }

    public override string ToString() => Key;

    private static IEnumerable<string> Layers(ModelSpec model)
    {
        yield return Word(model.Architecture);
        if (model.Architecture == Architecture.Mlp)
        {
            yield return $"encoder={Widths(model.EncoderWidths)}";
            yield return $"decoder={Widths(model.DecoderWidths)}";
            yield break;
        }
        yield return $"channels={(model.Channels is { } channels ? Widths(channels) : "auto")}";
        // Between the maps of a vq model and its codes there is no dense layer.
        if (model.Family != ModelFamily.Vq) yield return $"hidden={model.Hidden}";
        if (model.Architecture != Architecture.Resnet) yield break;
        yield return $"blocks={model.Blocks}";
        yield return $"groups={model.Groups}";
    }

    private static IEnumerable<string> Family(ModelSpec model)
    {
        switch (model.Family)
        {
            case ModelFamily.Conditional or ModelFamily.M2:
                yield return $"classes={(model.Classes is { } classes ? Text(classes) : "auto")}";
                break;
            case ModelFamily.Ladder:
                yield return $"ladder={Widths(model.Ladder)}";
                break;
            case ModelFamily.Vq:
                yield return $"codes={model.Codes}x{model.CodeSize}";
                yield return $"code_prior={model.CodePriorWidth}";
                // Positions are no latent that could be padded: each of them picks a code.
                if (model.Architecture == Architecture.Mlp) yield return $"positions={model.Latent}";
                break;
        }
        if (model.Prior == Prior.Vamp) yield return $"vamp={model.PseudoInputs}";
    }

    private static IEnumerable<string> Objective(TrainingSpec training)
    {
        switch (training.Objective)
        {
            case TrainingObjective.Iwae:
                yield return $"iwae={training.ImportanceSamples}";
                break;
            case TrainingObjective.Tc:
                yield return $"tc={Word(training.TcEstimator)}";
                break;
            case TrainingObjective.Factor:
                yield return $"factor={training.DiscriminatorWidth}x{training.DiscriminatorLayers}";
                break;
            case TrainingObjective.Mmd:
                yield return $"mmd={Word(training.MmdKernel)}";
                break;
        }
        // Each needs a sum over all workers amid a step.
        if (training.FreeBits > 0) yield return "free_bits";
        if (training.Capacity is not null) yield return "capacity";
    }

    private static string Widths(ValueList<int> widths) => string.Join('-', widths);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
