using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>Which rows every rank took into every step, and in which generation the step was applied.</summary>
internal sealed class RowLedger
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(int Trial, long Step, int Generation), List<int>> _taken = [];
    private readonly Dictionary<(int Trial, long Step), HashSet<int>> _applied = [];

    /// <summary>A rank computes these rows for the step after <paramref name="step"/> updates.</summary>
    public void Take(int trial, long step, int generation, ReadOnlySpan<int> rows)
    {
        lock (_gate)
        {
            if (!_taken.TryGetValue((trial, step + 1, generation), out var all)) _taken[(trial, step + 1, generation)] = all = [];
            all.AddRange(rows);
        }
    }

    /// <summary>A rank that lives on, or was furthest, has applied the step.</summary>
    public void Apply(int trial, long step, int generation)
    {
        lock (_gate)
        {
            if (!_applied.TryGetValue((trial, step), out var generations)) _applied[(trial, step)] = generations = [];
            generations.Add(generation);
        }
    }

    /// <summary>Each of the trial's steps was applied in one generation, with the rows of its batch, each once; so each row of an epoch counts exactly once.</summary>
    public void Check(TrialSpec trial, long steps, int rows)
    {
        var batches = new BatchPlan(rows, trial.Training.Batch);
        var order = new int[rows];
        for (var step = 1L; step <= steps; step++)
        {
            var (epoch, ofEpoch) = ((int)((step - 1) / batches.StepsPerEpoch), (int)((step - 1) % batches.StepsPerEpoch));
            if (ofEpoch == 0) EpochOrder.Fill(trial.Training.Seed, epoch, order);
            var generation = Assert.Single(_applied[(trial.Index, step)]);
            var due = batches.RowsOf(ofEpoch);
            Assert.Equal(order.AsSpan(due.First, due.Count).ToArray().Order(), _taken[(trial.Index, step, generation)].Order());
        }

        Assert.DoesNotContain((trial.Index, steps + 1), _applied.Keys);
    }
}
