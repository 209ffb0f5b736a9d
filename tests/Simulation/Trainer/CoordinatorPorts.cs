using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Tests.Simulation.Host;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>A coordinator's ports: a data set that is always there, and the points table, fenced like the facts and written in line with them, whose writes fail now and then while faults are on.</summary>
internal sealed class CoordinatorPorts(SimulatedNode node, PointTable table) : ISimulatedJobs
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
        var fails = context.Prng.Chance(WriteErrorChance) && !node.Cluster.FaultsEnded;
        switch (job)
        {
            case PrepareDatasetJob prepare:
                context.Answer(after, new DatasetMessage.DatasetPrepared(prepare.Source, prepare.BaseDirectory, Manifest, []));
                break;
            case StorePointsJob when fails:
                context.Fail(after, "the store is busy");
                break;
            case StorePointsJob store:
                node.Commits.Enqueue(after, () => Store(store, context)); // A crash before this moment loses the write, one after it only the answer.
                break;
            default: throw new InvalidOperationException($"No port for {job.GetType().Name}.");
        }
    }

    private void Store(StorePointsJob store, JobContext context)
    {
        if (node.Commits.IsFenced(context.Owner)) return;
        table.Write(store);
        context.Answer(TimeSpan.FromMilliseconds(1), new MetricsMessage.PointsStored(store.Write, store.Points));
    }
}
