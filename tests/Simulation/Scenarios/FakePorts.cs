using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Scenarios;

/// <summary>The points table of a run: what survives crashes. A point that comes twice breaks I8 at once.</summary>
internal sealed class PointTable
{
    private readonly HashSet<(TrialId, Attempt, Step, Type)> _keys = [];
    private readonly SortedDictionary<string, PointMark> _marks = new(StringComparer.Ordinal);

    public int Count => _keys.Count;

    public IReadOnlyList<PointMark> Marks => [.. _marks.Values];

    public int CountOf(SweepId sweep) => _keys.Count(key => key.Item1.Sweep == sweep);

    public void Write(StorePointsJob job)
    {
        foreach (var point in job.Points) Verify.That(_keys.Add((point.Trial, point.Attempt, point.Step, point.GetType())), $"I8: {point} is stored twice");
        foreach (var mark in job.Marks)
        {
            var before = _marks.GetValueOrDefault(mark.Worker.Value);
            Verify.That(before is null || before.Incarnation != mark.Incarnation || before.UpTo <= mark.UpTo, $"I8: {mark} goes back from {before}");
            _marks[mark.Worker.Value] = mark;
        }
    }
}

/// <summary>The coordinator's ports: a data set that is always there, and the points table, whose writes fail now and then while faults are on.</summary>
internal sealed class FakePorts(SimulatedCluster cluster, PointTable table) : ISimulatedJobs
{
    private const double WriteErrorChance = 0.05;

    public static readonly DatasetManifest Manifest = new()
    {
        Fingerprint = new string('a', 64), Source = DatasetSource.Sprites, Count = 100, Channels = 1, Height = 8, Width = 8,
        HasLabels = false, Classes = 0, HeldOut = 20, ShardRows = 100, Shards = [new(0, 0, 100, 6_400, new string('b', 64))],
    };

    public void Start(Job job, JobContext context)
    {
        var after = context.Prng.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(60));
        var fails = context.Prng.Chance(WriteErrorChance) && !cluster.FaultsEnded;
        switch (job)
        {
            case PrepareDatasetJob prepare:
                context.Answer(after, new DatasetMessage.DatasetPrepared(prepare.Source, prepare.BaseDirectory, Manifest, []));
                break;
            case StorePointsJob when fails:
                context.Fail(after, "the store is busy");
                break;
            case StorePointsJob store:
                context.Later(after, () => Store(store, context)); // A crash before this moment loses the write, one after it only the answer.
                break;
            default: throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        }
    }

    private void Store(StorePointsJob store, JobContext context)
    {
        table.Write(store);
        context.Answer(TimeSpan.FromMilliseconds(1), new MetricsMessage.PointsStored(store.Write));
    }
}
