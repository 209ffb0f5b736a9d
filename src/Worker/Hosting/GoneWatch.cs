using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Worker.Hosting;

/// <summary>Tells the process that an actor is gone: the agent ends last, when the worker has left.</summary>
internal sealed class GoneWatch(ActorId watched, Action<string> gone) : IActor
{
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: effects.Watch(watched); break;
            case Signal.Terminated terminated: gone(terminated.Reason); break;
            default: break;
        }
    }
}
