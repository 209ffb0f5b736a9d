using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;
using Vae.Tests.Simulation.Trainer;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Invariants;

/// <summary>
/// I8: the curve of a finished trial has one reading for each of its steps, from whichever attempt did it last, and no gap but what workers have declared as thinned, and what died with every process that had
/// it. That no reading is stored with two values is held by
/// the <see cref="PointTable"/>.
/// </summary>
internal sealed class I08WholeCurves : Invariant
{
    private readonly Dictionary<(NodeId, ulong, long), int> _thinned = [];

    /// <summary>Readings that workers said they had dropped.</summary>
    public long Declared { get; private set; }

    public override void OnReceived(Watched watched, Vae.Shared.Actors.ActorId sender, Vae.Shared.Actors.ActorId target, Vae.Shared.Actors.Message message)
    {
        if (message is not MetricsMessage.PointBatch { Thinned: > 0 } batch) return;
        var key = (batch.Worker, batch.Incarnation, batch.FirstSequence);
        Declared += Math.Max(0, batch.Thinned - _thinned.GetValueOrDefault(key));
        _thinned[key] = Math.Max(batch.Thinned, _thinned.GetValueOrDefault(key));
    }

    /// <summary>Readings that were gone for good before they were durable, because every process that had them died.</summary>
    public long Lost { get; private set; }

    public override void AtEnd(Watched watched)
    {
        var missing = 0L;
        var example = "";
        foreach (var (trial, model) in watched.Model.Trials)
        {
            if (model.State != TrialState.Done) continue;
            for (var step = 1; step <= Oracle.StepsOf(trial.Index); step++)
            {
                if (watched.Points.HasStep(trial, step)) continue;
                var readings = watched.Trainers.Readings;
                if ((readings.WhoShouldHaveDelivered(trial, step) ?? readings.WhoKeptQuiet(trial, step)) is not { } node)
                {
                    Lost++;
                    continue;
                }

                missing++;
                if (example.Length == 0) example = $"step {step} of {trial}, which {node.Id} had";
            }
        }

        Require(missing <= Declared, $"I8: {missing} readings of finished trials are missing, for example {example}, and {Declared} were declared as thinned");
    }
}
