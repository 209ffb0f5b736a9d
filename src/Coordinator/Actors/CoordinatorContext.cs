using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>What all actors of one life of the coordinator share.</summary>
/// <param name="Term">This life's number; the store hands out a greater one at each start.</param>
/// <param name="History">All durable facts of one sweep, oldest first. Called by actor factories only, that is by the host, never while a message is handled.</param>
/// <param name="Observers">Who is told what changes, after it is durable: the host's feeds of the dashboard and of live progress. A handful.</param>
public sealed record CoordinatorContext(Term Term, Func<SweepId, IReadOnlyList<SweepEvent>> History, ValueList<ActorId> Observers)
{
    internal void Tell(ObserverMessage news, Effects effects)
    {
        foreach (var observer in Observers) effects.Send(observer, news);
    }

    internal void Record(SweepEvent fact, Effects effects)
    {
        effects.Persist(fact);
        Tell(new ObserverMessage.FactRecorded(fact), effects);
    }
}
