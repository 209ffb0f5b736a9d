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

/// <summary>A trial asks for what this version or this device does not do: trying again would change nothing.</summary>
public sealed class UnsupportedException(string message) : UserFitException(message);

/// <summary>From an exception of the engine to what the coordinator is told: who is to blame, and words for the user.</summary>
internal static class EngineFailure
{
    public static (FailureKind Kind, string Text) Describe(Exception exception) => exception switch
    {
        AllReduceTimeoutException or PeerLostException or RingConnectTimeoutException or RingRefusedException or AllReduceException => (FailureKind.PeerLost, exception.Message),
        CheckpointException => (FailureKind.Checkpoint, exception.Message),
        EngineUnavailableException or UnsupportedException => (FailureKind.Engine, exception.Message),
        OutOfMemoryException => (FailureKind.OutOfMemory, "this worker's memory is full; try a smaller batch, latent size or model"),
        TorchException { IsOutOfMemory: true } => (FailureKind.OutOfMemory, $"{exception.Message}; try a smaller batch, latent size or model"),
        DatasetException or SocketException or IOException or UserFitException => (FailureKind.Data, exception.Message),
        AggregateException { InnerExceptions: [var only] } => Describe(only),
        _ => (FailureKind.Engine, $"{exception.GetType().Name}: {exception.Message}"),
    };
}
