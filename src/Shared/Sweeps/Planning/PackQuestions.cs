namespace Vae.Shared.Sweeps;

/// <summary>The packs that a sweep asks for: its trials by signature.</summary>
public static class PackQuestions
{
    /// <param name="sweep">A valid definition.</param>
    /// <param name="data">Of the data set that it names.</param>
    /// <returns>One question per signature, in the order in which they first appear, over the first <see cref="SweepPlan.CountedMax"/> trials.</returns>
    public static IReadOnlyList<PackQuestion> Of(SweepDefinition sweep, DataShape data)
    {
        var bySignature = new Dictionary<string, int>(StringComparer.Ordinal);
        var questions = new List<PackQuestion>();
        foreach (var trial in SweepTrials.Enumerate(sweep).Take(SweepPlan.CountedMax))
        {
            var steps = TrialPlan.Of(trial, data, sweep.Resources).Steps;
            var key = PackSignature.Of(trial).Key;
            if (bySignature.TryAdd(key, questions.Count))
            {
                questions.Add(new(trial, data, sweep.Dataset.Binarize, sweep.Resources, 1, steps));
                continue;
            }

            var known = questions[bySignature[key]];
            var largest = trial.Model.Latent > known.Trial.Model.Latent ? trial : known.Trial;
            questions[bySignature[key]] = known with { Trial = largest, Trials = known.Trials + 1, Steps = known.Steps + steps };
        }

        return questions;
    }
}
