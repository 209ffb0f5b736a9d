using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>Which processes had a reading, and which of them handed it on: a reading is lost for good only with all of them.</summary>
internal sealed class ReadingTrail
{
    private readonly Dictionary<(TrialId, long), List<(SimulatedNode Node, int Life)>> _made = [];
    private readonly Dictionary<(TrialId, long), List<(SimulatedNode Node, int Life)>> _published = [];

    public void Made(MetricPoint point, SimulatedNode node) => Add(_made, point, node);

    public void Published(MetricPoint point, SimulatedNode node) => Add(_published, point, node);

    /// <summary>A living process that was told to deliver the reading; null when all of them are gone.</summary>
    public SimulatedNode? WhoShouldHaveDelivered(TrialId trial, long step) => Living(_published, trial, step);

    /// <summary>A living process that knew the reading while nobody handed it on; null when there is none.</summary>
    public SimulatedNode? WhoKeptQuiet(TrialId trial, long step) => _published.ContainsKey((trial, step)) ? null : Living(_made, trial, step);

    private static void Add(Dictionary<(TrialId, long), List<(SimulatedNode, int)>> trail, MetricPoint point, SimulatedNode node)
    {
        if (point is not MetricPoint.TrainStep) return;
        if (!trail.TryGetValue((point.Trial, point.Step.Value), out var known)) trail[(point.Trial, point.Step.Value)] = known = new(1);
        if (!known.Contains((node, node.Life))) known.Add((node, node.Life));
    }

    private static SimulatedNode? Living(Dictionary<(TrialId, long), List<(SimulatedNode Node, int Life)>> trail, TrialId trial, long step)
    {
        foreach (var (node, life) in trail.GetValueOrDefault((trial, step)) ?? [])
        {
            if (node.Life == life && node.IsAlive) return node;
        }

        return null;
    }
}
