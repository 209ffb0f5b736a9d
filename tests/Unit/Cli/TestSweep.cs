using System.Text;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Cli;

/// <summary>A sweep of two betas, and the facts that happen to one.</summary>
internal static class TestSweep
{
    public static readonly SweepId Id = new("s-2345bcdf");

    public static readonly SweepDefinition Definition = new()
    {
        Name = "betas",
        Dataset = new DatasetSource { Source = DatasetSource.Sprites },
        Search = new SearchSpec { Parameters = [new("training.beta", new ParameterDomain.Values(["1", "4", "8"]))] },
    };

    public static SweepEvent Submitted => new SweepEvent.Submitted(Definition.Name, "version: 1", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(Definition)), "/", 3) { Sweep = Id };

    public static SweepEvent Started(int trial) => new SweepEvent.PackStarted(trial, new Attempt(1), [trial], [new NodeId("worker-1")], new PackShape(1, 16, 1, 1), Closed: true, [null]) { Sweep = Id };

    public static SweepEvent Done(int trial, double elbo) => new SweepEvent.TrialEnded(new Attempt(1),
        new TrialResult(trial, TrialState.Done, elbo, -elbo - 5, 5, 2, [4, 1, 0.001], 1_500, 20, 12.34, 1_000, "", [new(ArtifactKind.Model, 10, new string('0', 64))]))
    { Sweep = Id };

    public static SweepEvent Failed(int trial, string text) => new SweepEvent.TrialEnded(new Attempt(1),
        new TrialResult(trial, TrialState.Failed, double.NaN, double.NaN, double.NaN, 0, [], 7, 0, 0.5, 1_000, text, []))
    { Sweep = Id };

    public static SweepEvent Ended(SweepState state) => new SweepEvent.Ended(state, "") { Sweep = Id };

    public static SweepView View(params SweepEvent[] facts)
    {
        var view = new SweepView(Id);
        foreach (var fact in facts) view.Apply(fact);
        return view;
    }

    /// <summary>All three trials ended: the second best, a failure, the best.</summary>
    public static SweepView Whole => View(Submitted, Started(0), Done(0, -90), Started(1), Failed(1, "loss is NaN at step 7"), Started(2), Done(2, -80.5), Ended(SweepState.DoneWithFailures));

    public static (Output Output, StringWriter Results, StringWriter Notes) Console(bool json = false, bool quiet = false)
    {
        var (results, notes) = (new StringWriter(), new StringWriter());
        return (new Output(results, notes, new OutputMode(json, quiet, 0, ColorOn: false, Interactive: false)), results, notes);
    }
}
