using System.Text;
using Microsoft.Extensions.Logging;
using Vae.Shared.Collectives;
using Vae.Shared.Sweeps;
using Vae.Shared.Wire;

namespace Vae.Worker.Collectives.Engines;

/// <summary>
/// Connects a ring and picks its engine. The authenticated TCP ring comes first, whatever the engine; over it every rank tells every other what it
/// could use, all come to the same choice, and after each step of setting it up they tell each other whether it worked. So either all ranks
/// use an engine or none does, and what is left at the end of the list is the TCP ring itself.
/// </summary>
public sealed partial class AllReduceFactory
{
    private const int ReasonMax = 512;

    private readonly IReadOnlyList<IRingEngine> _engines;
    private readonly ILogger _logger;

    /// <param name="engines">In the order in which <c>auto</c> prefers them.</param>
    /// <param name="logger">Hears which engine was taken, and why not a better one.</param>
    public AllReduceFactory(IReadOnlyList<IRingEngine> engines, ILogger logger) => (_engines, _logger) = (engines, logger);

    /// <summary>Connects, agrees on an engine, and sets it up.</summary>
    /// <param name="self">What this rank is, and what it expects all others to be but for the rank.</param>
    /// <param name="members">All ranks; exactly 0 to world size - 1.</param>
    /// <param name="transport">Where sockets come from.</param>
    /// <param name="deadline">For connecting, and again for agreeing.</param>
    /// <param name="request">Default: automatic, with default options.</param>
    /// <param name="first">What all ranks do over the fresh connections before they agree on an engine; it has deadlines of its own.</param>
    /// <param name="cancellation">Gives up early.</param>
    /// <returns>A ready engine; <see cref="NoAllReduce"/> for a world of one.</returns>
    /// <exception cref="RingRefusedException">A neighbour is not what we expect, or does not expect us.</exception>
    /// <exception cref="RingConnectTimeoutException">A neighbour did not appear, or fell silent.</exception>
    /// <exception cref="PeerLostException">A neighbour hung up.</exception>
    /// <exception cref="EngineUnavailableException">The engine was asked for by name and cannot be had; the text says which rank lacks what.</exception>
    public async Task<IAllReduce> ConnectAsync(
        RingHello self, IReadOnlyList<RingMember> members, IRingTransport transport, TimeSpan deadline, AllReduceRequest? request = null, Func<RingLinks, Task>? first = null,
        CancellationToken cancellation = default)
    {
        request ??= new();
        var links = await RingConnector.ConnectLinksAsync(self, members, transport, deadline, cancellation);
        if (links is null) return new NoAllReduce();
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            if (first is not null) await first(links);
            time.CancelAfter(deadline);
            return await AgreeAsync(self, links, request, time.Token);
        }
        catch (Exception e)
        {
            links.Dispose();
            var left = RingSchedule.LeftOf(self.Rank, self.WorldSize);
            if (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                throw new RingConnectTimeoutException([left], $"Rank {self.Rank} of pack {self.Key.Pack} waited {deadline.TotalSeconds:0.###} s for rank {left} to agree on an all-reduce engine. Look at that worker.");
            }

            throw;
        }
    }

    private async Task<IAllReduce> AgreeAsync(RingHello self, RingLinks links, AllReduceRequest request, CancellationToken cancellation)
    {
        var own = new EngineParley(request.Engine, request.OnCuda, _engines.ToDictionary(engine => engine.Kind, engine => engine.Offer(request)));
        var all = (await links.GatherAsync(own.Encode(), cancellation)).Select((bytes, rank) => Decode(rank, bytes)).ToList();
        var other = all.FindIndex(said => said.Request != own.Request || said.OnCuda != own.OnCuda);
        if (other >= 0) throw new RingRefusedException(other, $"Rank {other} was asked for the all-reduce engine {Name(all[other].Request)}{OnCuda(all[other].OnCuda)}, this one for {Name(own.Request)}{OnCuda(own.OnCuda)}.");

        var candidates = _engines.Where(engine => request.Engine == engine.Kind || (request.Engine == AllReduceEngine.Auto && engine.IsAutomatic(request))).ToList();
        var reason = $"this build has no engine {Name(request.Engine)}";
        foreach (var engine in candidates)
        {
            var offers = all.Select(said => said.Offers.GetValueOrDefault(engine.Kind, EngineOffer.Not("its version does not know this engine"))).ToList();
            var lacking = offers.FindIndex(offer => offer.Facts is null);
            var facts = lacking >= 0 ? [] : offers.Select(offer => offer.Facts!).ToList();
            var objection = lacking >= 0 ? $"rank {lacking}: {offers[lacking].Reason}" : engine.Objection(facts);
            var (made, failure, detail) = objection is null ? await SetUpAsync(engine, self, facts, links, request, cancellation) : (null, objection, "");
            if (made is not null)
            {
                LogChosen(_logger, self.Key.Pack, self.Key.Generation, self.WorldSize, Name(engine.Kind), detail);
                return made;
            }

            reason = failure!;
            LogPassedOver(_logger, self.Key.Pack, self.Key.Generation, Name(engine.Kind), reason);
        }

        throw new EngineUnavailableException($"resources.all_reduce asks for {Name(request.Engine)}, which these workers cannot use: {reason}. Use `all_reduce: auto`, or put right what is named.");
    }

    // Each step ends with all ranks knowing whether it worked everywhere.
    private static async Task<(IAllReduce? Made, string? Failure, string Detail)> SetUpAsync(
        IRingEngine engine, RingHello self, IReadOnlyList<byte[]> facts, RingLinks links, AllReduceRequest request, CancellationToken cancellation)
    {
        var attempt = engine.Begin(self, facts, request);
        try
        {
            var announcement = Array.Empty<byte>();
            var failure = await TryAsync(() =>
            {
                announcement = attempt.Announce();
                return Task.CompletedTask;
            });
            var announced = await links.GatherAsync(Outcome(failure, announcement), cancellation);
            if (FirstFailure(announced) is { } atAnnouncing) return (null, atAnnouncing, "");

            failure = await TryAsync(() => attempt.JoinAsync([.. announced.Select(said => said[1..])], links, cancellation));
            var joined = await links.GatherAsync(Outcome(failure, []), cancellation);
            if (FirstFailure(joined) is { } atJoining) return (null, atJoining, "");

            var detail = attempt.Detail.Length > 0 ? $": {attempt.Detail}" : "";
            var made = attempt.Complete(links);
            attempt = null;
            return (made, null, detail);
        }
        finally
        {
            attempt?.Dispose();
        }
    }

    private static async Task<string?> TryAsync(Func<Task> step)
    {
        try
        {
            await step();
            return null;
        }
        catch (EngineUnavailableException e)
        {
            return e.Message;
        }
    }

    // One byte (0: it worked), then what was announced, or the reason.
    private static byte[] Outcome(string? failure, byte[] announcement)
    {
        if (failure is null) return [0, .. announcement];
        var text = Encoding.UTF8.GetBytes(failure);
        return [1, .. text.AsSpan(0, Math.Min(text.Length, ReasonMax))];
    }

    private static string? FirstFailure(IReadOnlyList<byte[]> outcomes)
    {
        for (var rank = 0; rank < outcomes.Count; rank++)
        {
            if (outcomes[rank].Length == 0) return $"rank {rank}: its answer is empty";
            if (outcomes[rank][0] != 0) return $"rank {rank}: {Encoding.UTF8.GetString(outcomes[rank].AsSpan(1))}";
        }

        return null;
    }

    private static EngineParley Decode(int rank, byte[] bytes)
    {
        try
        {
            return EngineParley.Decode(bytes);
        }
        catch (ProtocolException e)
        {
            throw new RingRefusedException(rank, $"Rank {rank} says what is no offer of all-reduce engines ({e.Message}). Run the same version on all workers.");
        }
    }

    private static string OnCuda(bool onCuda) => onCuda ? " on CUDA" : "";

    /// <summary>The engine as the sweep file and labels write it.</summary>
    public static string Name(AllReduceEngine engine) => engine switch
    {
        AllReduceEngine.Auto => "auto",
        AllReduceEngine.Messagepack => "messagepack",
        AllReduceEngine.SharedMemory => "shared_memory",
        AllReduceEngine.Gloo => "gloo",
        AllReduceEngine.Nccl => "nccl",
        _ => $"engine {(int)engine}",
    };

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "Pack {Pack} generation {Generation}: {Ranks} ranks sum their gradients by {Engine}{Detail}")]
    private static partial void LogChosen(ILogger logger, string pack, int generation, int ranks, string engine, string detail);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Information, Message = "Pack {Pack} generation {Generation}: not by {Engine}: {Reason}")]
    private static partial void LogPassedOver(ILogger logger, string pack, int generation, string engine, string reason);
}
