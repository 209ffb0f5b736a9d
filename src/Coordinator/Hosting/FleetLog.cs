using Microsoft.Extensions.Logging;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Names in the coordinator's log the workers that are left out, and those that slow their gangs down, by themselves or by their link.</summary>
internal sealed partial class FleetLog(ILogger logger)
{
    /// <summary>A worker is named as slow from <see cref="SlowFrom"/> on, and as sound again below <see cref="SoundBelow"/>: at a single mark it would be named again and again.</summary>
    public const double SlowFrom = 1.25;

    public const double SoundBelow = 1.15;

    private readonly HashSet<NodeId> _slow = [];
    private readonly Dictionary<NodeId, NodeId> _slowLinks = []; // From whom to whom; one per worker at most.

    public void Observe(ObserverMessage message)
    {
        switch (message)
        {
            case ObserverMessage.WorkerQuarantined { For: var time } held when time > TimeSpan.Zero: LogQuarantined(logger, held.Worker, time.TotalSeconds, held.Reason); break;
            case ObserverMessage.WorkerQuarantined released: LogReleased(logger, released.Worker); break;
            case ObserverMessage.WorkerUpdated worker: Compare(worker); break;
            default: break;
        }
    }

    private void Compare(ObserverMessage.WorkerUpdated worker)
    {
        var slowdown = worker.Alive ? worker.Load.Slowdown : 1;
        if (slowdown >= SlowFrom && _slow.Add(worker.Worker)) LogSlow(logger, worker.Worker, slowdown, worker.Load.AllreduceWaitShare);
        else if (slowdown < SoundBelow && _slow.Remove(worker.Worker) && worker.Alive) LogSound(logger, worker.Worker);
        CompareLink(worker.Worker, worker.Alive ? worker.Load.Link : null);
    }

    private void CompareLink(NodeId from, LinkReport? link)
    {
        var named = _slowLinks.TryGetValue(from, out var to);
        if (link is { Slowdown: >= SlowFrom } && !(named && to == link.To))
        {
            _slowLinks[from] = link.To;
            LogSlowLink(logger, from, link.To, link.Slowdown, link.RoundTripSeconds * 1e3, link.BytesPerSecond / 1e6);
        }
        else if (named && !(link is { Slowdown: >= SoundBelow } && to == link.To))
        {
            _slowLinks.Remove(from);
            if (link is not null && to == link.To) LogSoundLink(logger, from, to);
        }
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Warning, Message = "Worker {Worker} gets no new packs for {Seconds:F0} s, because what it does fails there and not elsewhere: {Reason}")]
    private static partial void LogQuarantined(ILogger logger, NodeId worker, double seconds, string reason);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Information, Message = "Worker {Worker} may get packs again; one more failure, and it is left out for twice as long")]
    private static partial void LogReleased(ILogger logger, NodeId worker);

    [LoggerMessage(EventId = 4103, Level = LogLevel.Warning, Message = "Worker {Worker} slows its gang down: it takes {Slowdown:F2} times as long as the others for a row, and waits for them for {WaitShare:P0} of its time")]
    private static partial void LogSlow(ILogger logger, NodeId worker, double slowdown, double waitShare);

    [LoggerMessage(EventId = 4104, Level = LogLevel.Information, Message = "Worker {Worker} is as fast as its gang again")]
    private static partial void LogSound(ILogger logger, NodeId worker);

    [LoggerMessage(EventId = 4105, Level = LogLevel.Warning, Message = "The link from worker {From} to worker {To} slows their gang down: a step takes {Slowdown:F2} times as long as with a link like the others ({RoundTrip:F1} ms there and back, {Rate:F1} MB/s). Look at the network between the two")]
    private static partial void LogSlowLink(ILogger logger, NodeId from, NodeId to, double slowdown, double roundTrip, double rate);

    [LoggerMessage(EventId = 4106, Level = LogLevel.Information, Message = "The link from worker {From} to worker {To} is like the others again")]
    private static partial void LogSoundLink(ILogger logger, NodeId from, NodeId to);
}
