using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Actors;

namespace Vae.Worker.Probing;

/// <summary>Probes as the agent sees them: what is known is answered at once, the rest is measured, one order after the other.</summary>
public sealed class ProbePort(ProbeCache cache, DeviceFacts facts, Func<ProbeOrder, CancellationToken, ValueList<ProbeReading>> measure) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private CancellationTokenSource? _running;

    /// <summary>Makes the system do the agent's probes.</summary>
    public void Register(ActorSystem system)
    {
        system.RegisterPort<ProbeJob>(JobPort.Answering<ProbeJob>(ProbeAsync));
        system.RegisterPort<StopProbeJob>(JobPort.Async<StopProbeJob>((_, _) =>
        {
            Volatile.Read(ref _running)?.Cancel();
            return Task.CompletedTask;
        }));
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async Task<Vae.Shared.Actors.Message> ProbeAsync(ProbeJob job, CancellationToken abandoned)
    {
        var key = job.Order.Key(facts);
        var known = cache.Find(key);
        if (known.Count > 0) return new AgentMessage.ProbeMeasured(job.Number, known, "known");
        if (job.OnlyKnown) return new AgentMessage.ProbeMeasured(job.Number, [], "nothing is known");
        await _turn.WaitAsync(abandoned);
        using var running = CancellationTokenSource.CreateLinkedTokenSource(abandoned);
        Volatile.Write(ref _running, running);
        try
        {
            var readings = measure(job.Order, running.Token);
            cache.Store(key, readings);
            return new AgentMessage.ProbeMeasured(job.Number, readings, "measured");
        }
        catch (OperationCanceledException) when (running.IsCancellationRequested)
        {
            return new AgentMessage.ProbeMeasured(job.Number, [], "the worker was needed for training");
        }
        finally
        {
            Volatile.Write(ref _running, null);
            _turn.Release();
        }
    }
}
