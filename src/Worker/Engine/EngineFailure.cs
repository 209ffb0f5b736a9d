using System.Net.Sockets;
using Vae.Data;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>From an exception of the engine to what the coordinator is told: who is to blame, and words for the user.</summary>
internal static class EngineFailure
{
    public static (FailureKind Kind, string Text, ValueList<Rank> SilentRanks) Describe(Exception exception) => exception switch
    {
        AllReduceTimeoutException timeout => (FailureKind.PeerLost, exception.Message, timeout.Awaited.Select(awaited => new Rank(awaited.Rank)).ToValueList()),
        PeerLostException lost => (FailureKind.PeerLost, exception.Message, [new Rank(lost.Rank)]),
        RingConnectTimeoutException missing => (FailureKind.PeerLost, exception.Message, missing.MissingRanks.Select(rank => new Rank(rank)).ToValueList()),
        RingRefusedException refused => (FailureKind.PeerLost, exception.Message, [new Rank(refused.Rank)]),
        AllReduceException => (FailureKind.PeerLost, exception.Message, []),
        EngineUnavailableException => (FailureKind.Engine, exception.Message, []),
        OutOfMemoryException => (FailureKind.OutOfMemory, "this worker's memory is full; try a smaller batch, latent size or model", []),
        TorchException { IsOutOfMemory: true } => (FailureKind.OutOfMemory, $"{exception.Message}; try a smaller batch, latent size or model", []),
        DatasetException or SocketException or IOException or UserFitException => (FailureKind.Data, exception.Message, []),
        AggregateException { InnerExceptions: [var only] } => Describe(only),
        _ => (FailureKind.Engine, $"{exception.GetType().Name}: {exception.Message}", []),
    };
}
