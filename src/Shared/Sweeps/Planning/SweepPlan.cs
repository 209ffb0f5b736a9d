using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>What one trial will take.</summary>
/// <param name="Trial">The trial.</param>
/// <param name="Parameters">Trained values, exact.</param>
/// <param name="StepsPerEpoch">Optimizer updates of one epoch, the short last one included.</param>
/// <param name="Steps">Optimizer updates in all.</param>
/// <param name="MemoryBytes">Estimate for one worker, see <see cref="ModelSize.TrainingBytes"/>.</param>
public sealed record TrialPlan(TrialSpec Trial, long Parameters, int StepsPerEpoch, long Steps, long MemoryBytes)
{
    public static TrialPlan Of(TrialSpec trial, DataShape data, ResourceSpec resources)
    {
        var perEpoch = new BatchPlan(data.TrainRows, trial.Training.Batch).StepsPerEpoch;
        var rows = Math.Min(trial.Training.Batch, data.TrainRows);
        var rowsPerWorker = (rows + resources.WorkersPerPackMin - 1) / resources.WorkersPerPackMin;
        return new(trial, ModelSize.Parameters(trial.Model, data), perEpoch,
            Math.Min((long)perEpoch * trial.Training.Epochs, trial.Training.MaxSteps ?? long.MaxValue),
            ModelSize.TrainingBytes(trial.Model, data, rowsPerWorker));
    }
}

/// <summary>What a sweep will take, computed from the definition and the shape of its data; nothing is touched.</summary>
/// <param name="Trials">Trials of the sweep.</param>
/// <param name="First">The first few, in order.</param>
/// <param name="Steps">Optimizer updates of all trials; of the first <see cref="CountedMax"/> only when there are more.</param>
/// <param name="LargestMemoryBytes">The largest estimate among the counted trials.</param>
/// <param name="SmallestParameters">The smallest model among the counted trials.</param>
/// <param name="LargestParameters">The largest model among the counted trials.</param>
public sealed record SweepPlan(long Trials, ValueList<TrialPlan> First, long Steps, long LargestMemoryBytes, long SmallestParameters, long LargestParameters)
{
    /// <summary>Totals look at this many trials at most, which takes about a second.</summary>
    public const int CountedMax = 100_000;

    /// <param name="sweep">A valid definition.</param>
    /// <param name="data">Of the data set that it names.</param>
    /// <param name="first">How many trials to list.</param>
    /// <param name="classes">One more than the largest label of the data, 0 where rows have none; null: not known.</param>
    /// <exception cref="ArgumentException">A model cannot take images of this shape or these labels; the message says which trial and why.</exception>
    public static SweepPlan Of(SweepDefinition sweep, DataShape data, int first = 3, int? classes = null)
    {
        var listed = new List<TrialPlan>();
        long steps = 0, memory = 0, smallest = long.MaxValue, largest = 0;
        foreach (var trial in SweepTrials.Enumerate(sweep).Take(CountedMax))
        {
            if ((ModelSize.Misfit(trial.Model, data) ?? (classes is { } known ? ModelSize.LabelMisfit(trial.Model, known) : null)) is { } misfit) throw new ArgumentException($"Trial {trial.Index} ({trial.Label}): {misfit}.", nameof(data));
            var plan = TrialPlan.Of(trial, data, sweep.Resources);
            if (listed.Count < first) listed.Add(plan);
            steps += plan.Steps;
            memory = Math.Max(memory, plan.MemoryBytes);
            smallest = Math.Min(smallest, plan.Parameters);
            largest = Math.Max(largest, plan.Parameters);
        }
        return new(SweepTrials.Count(sweep), listed.ToValueList(), steps, memory, smallest, largest);
    }
}
