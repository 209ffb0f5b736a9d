using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Tests.Unit.Cli;

namespace Vae.Tests.Unit.Checkpoints;

/// <summary>Checkpoints of the sweep of <see cref="TestSweep"/>.</summary>
internal static class Stored
{
    /// <summary>One that holds trials which are all as many steps on as the pack is acts.</summary>
    public static CheckpointInfo Checkpoint(int pack, int attempt, long position, params int[] trials) => Checkpoint(TestSweep.Id, pack, attempt, position, trials);

    public static CheckpointInfo Checkpoint(SweepId sweep, int pack, int attempt, long position, params int[] trials) =>
        new(new(sweep, pack), new(attempt), position, 100 + position, new string('a', 64), trials.Select(trial => new CheckpointedTrial(trial, new(position))).ToValueList());
}
