using System.Text;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Evaluation;

/// <summary>Sweeps that rank by something else than the bound.</summary>
public class MetricTests
{
    [Fact]
    public void Every_metric_is_known_with_direction_unit_and_need()
    {
        foreach (var metric in Enum.GetValues<ObjectiveMetric>())
        {
            var facts = MetricTable.Of(metric);
            Assert.NotEqual(ObjectiveGoal.Auto, facts.Better);
            Assert.NotEmpty(facts.Unit);
        }

        // The bound and its parts, and what the trial's own objective tells beside it.
        Assert.Equivalent(
            (ObjectiveMetric[])[ObjectiveMetric.Elbo, ObjectiveMetric.Distortion, ObjectiveMetric.Rate, ObjectiveMetric.ActiveUnits, ObjectiveMetric.BitsPerDimension, ObjectiveMetric.Perplexity, ObjectiveMetric.ClassifierError],
            Enum.GetValues<ObjectiveMetric>().Where(metric => MetricTable.Of(metric).AtEveryEvaluation), strict: true);

        Assert.Equal("factor_vae_score", MetricTable.Of(ObjectiveMetric.FactorVaeScore).Name);
    }

    [Theory]
    [InlineData(ObjectiveMetric.Elbo, ObjectiveGoal.Auto, 0)]
    [InlineData(ObjectiveMetric.Distortion, ObjectiveGoal.Auto, 1)]
    [InlineData(ObjectiveMetric.Rate, ObjectiveGoal.Auto, 0)]
    [InlineData(ObjectiveMetric.Rate, ObjectiveGoal.Maximize, 1)]
    [InlineData(ObjectiveMetric.Mig, ObjectiveGoal.Auto, 1)]
    [InlineData(ObjectiveMetric.BitsPerDimension, ObjectiveGoal.Auto, 0)]
    public void Trials_are_ranked_by_the_metric_in_the_direction_that_is_better(ObjectiveMetric metric, ObjectiveGoal goal, int best)
    {
        var view = View(metric, goal, Result(0, -80, 75, 5, mig: 0.1, bits: 0.1), Result(1, -90, 70, 20, mig: 0.4, bits: 0.2));
        Assert.Equal(best, view.Best!.Index);
        Assert.Equal(MetricTable.Of(metric).Name, SweepDocument.Of(view).Metric);
    }

    [Fact]
    public void A_trial_without_the_metric_has_no_rank()
    {
        var view = View(ObjectiveMetric.Sap, ObjectiveGoal.Auto, Result(0, -80, 75, 5, mig: 0.1, bits: 0.1), Result(1, -90, 70, 20, mig: 0.4, bits: 0.2));
        Assert.Null(view.Best);
        Assert.All(SweepDocument.Of(view).Trials, trial => Assert.Null(trial.Rank));
    }

    [Fact]
    public void Results_tell_the_figures_and_the_diagnosis()
    {
        var trial = SweepDocument.Of(View(ObjectiveMetric.Mig, ObjectiveGoal.Auto, Result(0, -80, 75, 5, mig: 0.25, bits: 0.1))).Trials[0];
        Assert.Equal(0.25, trial.Figures!["mig"]);
        Assert.Contains("2 of 3 units inactive", trial.Diagnosis, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_data_or_the_model_lacks_is_refused_with_the_remedy()
    {
        var idx = new DatasetSource { Source = DatasetSource.Idx, Images = "a" };
        var sprites = new DatasetSource { Source = DatasetSource.Sprites };
        var without = sprites with { ExcludeLabels = [2] };
        Assert.Contains("dataset.labels", MetricTable.Refusal(ObjectiveMetric.Knn, idx, new())!.Value.Remedy, StringComparison.Ordinal);
        Assert.Contains("sprites", MetricTable.Refusal(ObjectiveMetric.Mig, idx with { Labels = "b" }, new())!.Value.Remedy, StringComparison.Ordinal);
        Assert.Contains("continuous latents", MetricTable.Refusal(ObjectiveMetric.LogLikelihood, sprites, new() { Family = ModelFamily.Vq })!.Value.Reason, StringComparison.Ordinal);
        Assert.Contains("continuous latents", MetricTable.Refusal(ObjectiveMetric.Mig, sprites, new() { Family = ModelFamily.Vq })!.Value.Reason, StringComparison.Ordinal);
        Assert.Contains("only a vq model", MetricTable.Refusal(ObjectiveMetric.Perplexity, sprites, new())!.Value.Reason, StringComparison.Ordinal);
        foreach (var metric in (ObjectiveMetric[])[ObjectiveMetric.Perplexity, ObjectiveMetric.Knn, ObjectiveMetric.ReconstructionError, ObjectiveMetric.BitsPerDimension])
            Assert.Null(MetricTable.Refusal(metric, sprites, new() { Family = ModelFamily.Vq }));
        Assert.Null(MetricTable.Refusal(ObjectiveMetric.Knn, idx with { Labels = "b" }, new()));
        Assert.Contains("family: m2", MetricTable.Refusal(ObjectiveMetric.ClassifierError, sprites, new())!.Value.Remedy, StringComparison.Ordinal);
        foreach (var metric in Enum.GetValues<ObjectiveMetric>())
        {
            if (metric != ObjectiveMetric.Perplexity) Assert.Null(MetricTable.Refusal(metric, without, new() { Family = ModelFamily.M2 }));
            if (metric is ObjectiveMetric.Perplexity or ObjectiveMetric.ClassifierError) continue;
            Assert.Null(MetricTable.Refusal(metric, without, new()));
            Assert.Null(MetricTable.Refusal(metric, without, new() { Prior = Prior.Vamp }));
            Assert.Null(MetricTable.Refusal(metric, without, new() { Family = ModelFamily.Ladder }));
        }

        Assert.Contains("dataset.exclude_labels", MetricTable.Refusal(ObjectiveMetric.AurocElbo, sprites, new())!.Value.Remedy, StringComparison.Ordinal);
        Assert.Contains("learned nothing", MetricTable.Refusal(ObjectiveMetric.AurocElbo, without, new() { Family = ModelFamily.Conditional })!.Value.Reason, StringComparison.Ordinal);
        Assert.Null(MetricTable.Refusal(ObjectiveMetric.AurocElbo, without, new() { Family = ModelFamily.Vq }));
        Assert.Contains("continuous latents", MetricTable.Refusal(ObjectiveMetric.MarginalKl, without, new() { Family = ModelFamily.Vq })!.Value.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_tells_that_labels_are_missing_at_the_place_of_the_metric()
    {
        const string file = "version: 1\nname: a\ndataset: { source: idx, images: a.gz }\nobjective: { metric: linear_probe }\n";
        var parsed = SweepParser.Parse(file);
        var problem = Assert.Single(parsed.Problems, problem => problem.Message.Contains("linear_probe needs labels", StringComparison.Ordinal));
        Assert.Equal(4, problem.Line);
    }

    private static TrialResult Result(int trial, double elbo, double distortion, double rate, double mig, double bits) =>
        new(trial, TrialState.Done, elbo, distortion, rate, 1, [0.001, 0, 5], 10, 1, 1, 100, "", []) { Figures = [new("mig", mig), new("bits_per_dimension", bits)] };

    private static SweepView View(ObjectiveMetric metric, ObjectiveGoal goal, params TrialResult[] results)
    {
        var id = new SweepId("s-000001");
        var definition = new SweepDefinition
        {
            Name = "a",
            Dataset = new DatasetSource { Source = DatasetSource.Sprites },
            Search = new SearchSpec { Parameters = [new("training.beta", new ParameterDomain.Values(["1", "4"]))] },
            Objective = new() { Metric = metric, Goal = goal },
        };
        var view = new SweepView(id);
        view.Apply(new SweepEvent.Submitted("a", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "/", 2) { Sweep = id });
        foreach (var result in results)
        {
            view.Apply(new SweepEvent.PackStarted(result.TrialIndex, new Attempt(1), [result.TrialIndex], [new NodeId("w")], new PackShape(1, 3, 1, 1), Closed: true, [null]) { Sweep = id });
            view.Apply(new SweepEvent.TrialEnded(new Attempt(1), result) { Sweep = id });
        }

        return view;
    }
}
