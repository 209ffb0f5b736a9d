using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>What a worker says of itself when it registers.</summary>
/// <param name="Worker">Its name.</param>
/// <param name="Incarnation">Greater for each later process of the same name; the host takes its start time in nanoseconds.</param>
/// <param name="Facts">Its device.</param>
/// <param name="Endpoint">Its data plane.</param>
/// <param name="Lanes">Replicas it can host at once, 1 to 64.</param>
/// <param name="LastLines">What the process of this name before logged last, when it did not end in good order; oldest first; null: nothing.</param>
public sealed record WorkerIdentity(NodeId Worker, ulong Incarnation, DeviceFacts Facts, DataEndpoint Endpoint, int Lanes, ValueList<string>? LastLines = null)
{
    /// <summary>This process among those of its name.</summary>
    public WorkerProcess Process => new(Worker, Incarnation);
}
