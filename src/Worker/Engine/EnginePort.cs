using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Vae.Data;
using Vae.Data.Shards;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Torch;
using Vae.Worker.Actors;

namespace Vae.Worker.Engine;

/// <summary>The training engine as actors see it: prepares, trains and stops replicas, each on a lane of its own.</summary>
public sealed partial class EnginePort(EngineParts parts, ILogger logger) : IDisposable
{
    private readonly ConcurrentDictionary<(PackId, Attempt), ReplicaEngine> _engines = new();
    private readonly ImageCache _images = new(parts.Cache, new BlobShardSource(parts.Blobs));
    private readonly DataShelf _shelf = new(parts.Device);

    /// <summary>Makes the system do this worker's jobs.</summary>
    public void Register(ActorSystem system)
    {
        system.RegisterPort<PrepareReplicaJob>(JobPort.Async<PrepareReplicaJob>(PrepareAsync));
        system.RegisterPort<TrainJob>(JobPort.Async<TrainJob>(TrainAsync));
        system.RegisterPort<SaveCheckpointJob>(JobPort.Async<SaveCheckpointJob>(SaveAsync));
        system.RegisterPort<HaltJob>(JobPort.Async<HaltJob>(HaltAsync));
        system.RegisterPort<ForgetSlotEndJob>(JobPort.Async<ForgetSlotEndJob>(ForgetAsync));
        system.RegisterPort<SlotOrdersJob>(JobPort.Async<SlotOrdersJob>(OrderAsync));
        system.RegisterPort<StopEngineJob>(JobPort.Async<StopEngineJob>(StopAsync));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _images.Dispose();
        _shelf.Dispose();
    }

    private async Task PrepareAsync(PrepareReplicaJob job, IJobReply reply)
    {
        var assignment = job.Assignment;
        var engine = new ReplicaEngine(assignment, parts, _shelf);
        _engines[(assignment.Pack, assignment.Attempt)] = engine;
        try
        {
            var images = await _images.GetAsync(assignment.Dataset, engine.Stopping);
            await engine.PrepareAsync(images);
            reply.Post(new ReplicaMessage.Prepared());
        }
        catch (Exception exception)
        {
            Report(reply, assignment, new Generation(0), exception);
        }
    }

    private async Task TrainAsync(TrainJob job, IJobReply reply)
    {
        var assignment = job.Assignment;
        if (!_engines.TryGetValue((assignment.Pack, assignment.Attempt), out var engine)) return; // Stopped while the order was on its way.
        try
        {
            var signals = new EngineSignals(
                Started: () => reply.Post(new ReplicaMessage.TrainingStarted(job.Generation)),
                Done: (slot, result) => reply.Post(new ReplicaMessage.SlotDone(slot, result)),
                Ending: (slot, trial) => reply.Post(new ReplicaMessage.SlotEnding(slot, trial)),
                Applied: number => reply.Post(new ReplicaMessage.OrdersApplied(number)));
            var halt = await engine.TrainAsync(job.Generation, job.Members, job.Source, signals);
            reply.Post(halt is null ? new ReplicaMessage.TrainingEnded(job.Generation, []) : new ReplicaMessage.TrainingHalted(job.Generation, halt.Position, halt.Kind, halt.Text, halt.Silent));
        }
        catch (Exception exception)
        {
            Report(reply, assignment, job.Generation, exception);
        }
    }

    // Answered by the generation itself when it has halted.
    private Task HaltAsync(HaltJob job, IJobReply reply)
    {
        if (_engines.TryGetValue((job.Pack, job.Attempt), out var engine)) engine.Halt(job.Generation);
        return Task.CompletedTask;
    }

    // A checkpoint that was stored before, of the same position, is told again: its first word may have been lost.
    private async Task SaveAsync(SaveCheckpointJob job, IJobReply reply)
    {
        if (_engines.TryGetValue((job.Pack, job.Attempt), out var engine)) reply.Post(new ReplicaMessage.CheckpointStored(await engine.SaveAsync()));
    }

    private Task ForgetAsync(ForgetSlotEndJob job, IJobReply reply)
    {
        if (_engines.TryGetValue((job.Pack, job.Attempt), out var engine)) engine.Forget(job.Trial);
        return Task.CompletedTask;
    }

    private async Task OrderAsync(SlotOrdersJob job, IJobReply reply)
    {
        if (_engines.TryGetValue((job.Pack, job.Attempt), out var engine)) await engine.OrderAsync(job.Orders); // Else stopped while the orders were on their way.
    }

    // The answer promises that nothing of the attempt computes any more, so it comes after the lane has passed the replica's last work.
    private async Task StopAsync(StopEngineJob job, IJobReply reply)
    {
        if (_engines.TryRemove((job.Pack, job.Attempt), out var engine))
        {
            engine.Stop("the replica was stopped");
            await engine.DisposeAsync();
        }

        parts.Transport.Arrivals.Forget(job.Pack.ToString());
        reply.Post(new AgentMessage.EngineStopped(job.Pack, job.Attempt));
    }

    // What a user can act on goes to the coordinator in words; a defect of ours is logged here with its stack trace.
    private void Report(IJobReply reply, ReplicaAssignment assignment, Generation generation, Exception exception)
    {
        if (exception is OperationCanceledException)
        {
            reply.Post(new ReplicaMessage.EngineFailed(generation, FailureKind.Preempted, "the replica was stopped"));
            return;
        }

        var (kind, text) = EngineFailure.Describe(exception);
        if (kind == FailureKind.Engine) LogDefect(logger, assignment.Pack, exception);
        reply.Post(new ReplicaMessage.EngineFailed(generation, kind, text));
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Error, Message = "The engine of pack {Pack} failed")]
    private static partial void LogDefect(ILogger logger, PackId pack, Exception exception);
}
