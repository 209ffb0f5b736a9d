namespace Vae.Shared.Sweeps;

/// <summary>Whether the trials of a sweep can take the labels of its data set, asked before any of them begins.</summary>
public static class LabelFit
{
    // What decides; all other fields leave the answer as it is.
    private static readonly string[] Fields = ["model.family", "model.classes"];

    /// <returns>The first trial that cannot, and why; null when all can. As <see cref="SweepPlan"/>, it looks at the first <see cref="SweepPlan.CountedMax"/> trials.</returns>
    /// <param name="sweep">A valid definition.</param>
    /// <param name="classes">One more than the largest label of the data; 0 where rows have none.</param>
    public static string? Misfit(SweepDefinition sweep, int classes)
    {
        // Trials are walked through only where they can differ in it: 100,000 of them take about a second.
        var isSearched = sweep.Search.Parameters.Any(static parameter => Fields.Contains(parameter.Path, StringComparer.Ordinal));
        foreach (var trial in SweepTrials.Enumerate(sweep).Take(isSearched ? SweepPlan.CountedMax : 1))
        {
            if (ModelSize.LabelMisfit(trial.Model, classes) is { } misfit) return isSearched ? $"Trial {trial.Index} ({trial.Label}) cannot be trained: {misfit}." : $"No trial can be trained: {misfit}.";
        }

        return null;
    }
}
