using Microsoft.Extensions.Logging;
using Vae.Data.Shards;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Engine;

/// <summary>What an engine needs of its process.</summary>
/// <param name="Worker">Its name: its rank is its place among a generation's members.</param>
/// <param name="Lanes">The threads to compute on.</param>
/// <param name="Studio">The threads that make files of finished trials.</param>
/// <param name="Device">Where to compute.</param>
/// <param name="Cache">Shards on this machine's disk.</param>
/// <param name="Blobs">Shards and artifacts at the coordinator.</param>
/// <param name="Transport">Sockets between workers.</param>
/// <param name="AllReduce">Connects rings and picks their engines.</param>
/// <param name="Facts">What this worker is.</param>
/// <param name="Meter">The process's metrics.</param>
/// <param name="Publish">Where points go.</param>
/// <param name="Scratch">Folder for files that are needed for a moment; made when it is missing.</param>
/// <param name="Stored">Where it is told that a checkpoint of this replica is with the coordinator.</param>
/// <param name="Logger">Hears what engines find out.</param>
public sealed record EngineParts(
    NodeId Worker, LanePool Lanes, Studio Studio, torch.Device Device, ShardCache Cache, BlobClient Blobs, DataPlaneTransport Transport, AllReduceFactory AllReduce, DeviceFacts Facts, StepMeter Meter,
    Action<ValueList<MetricPoint>> Publish, string Scratch, Action<ReplicaAssignment, CheckpointInfo> Stored, ILogger Logger)
{
    /// <summary>Threads of a lane that trains a pack of this shape.</summary>
    public int ThreadsOf(PackShape shape) => shape.Threads > 0 ? shape.Threads : Facts.Threads;
}
