using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Wire;

namespace Vae.Tests.Simulation.HostTests;

/// <summary>Messages of the simulator's own tests, with rows of their own in the catalog.</summary>
public abstract record Toy : Message
{
    private Toy() { }

    public sealed record Ping(int Number) : Toy;

    public sealed record Pong(int Number) : Toy;

    public sealed record Retry(int Number) : Toy;

    public sealed record Crash : Toy;

    public static readonly Catalog Catalog = MessageCatalog.Default.With(
        CatalogRow.Of(0x7F01, Codecs.Record<Ping>().Field("Number", Codecs.I32, x => x.Number).ReadBy((ref r) => new(Codecs.I32.Read(ref r)))),
        CatalogRow.Of(0x7F02, Codecs.Record<Pong>().Field("Number", Codecs.I32, x => x.Number).ReadBy((ref r) => new(Codecs.I32.Read(ref r)))),
        CatalogRow.Of(0x7F03, Codecs.Record<Crash>().ReadBy((ref _) => new())),
        CatalogRow.Of(0xFF01, Codecs.Record<Counted>().Field("Number", Codecs.I32, x => x.Number).ReadBy((ref r) => new(Codecs.I32.Read(ref r)))));
}

/// <summary>The fact that a number was counted.</summary>
public sealed record Counted(int Number) : DomainEvent;

/// <summary>Asks for numbers 1 to <paramref name="count"/>, each until it is answered: a message or an answer may be lost, a node may be gone.</summary>
public sealed class Pinger(ActorId server, int count) : IActor
{
    public int Answered { get; private set; }

    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: Ask(effects); break;
            case Toy.Pong pong when pong.Number == Answered + 1: Answered++; Ask(effects); break;
            case Toy.Retry retry when retry.Number == Answered + 1: Ask(effects); break;
            default: break; // An answer that came twice, or a timer for what is answered.
        }
    }

    private void Ask(Effects effects)
    {
        if (Answered == count) return;
        effects.Send(server, new Toy.Ping(Answered + 1));
        effects.Wake(TimeSpan.FromSeconds(1), new Toy.Retry(Answered + 1));
    }
}

/// <summary>Counts numbers durably, each once, and answers only what is durable. It starts from its facts.</summary>
public sealed class DurableCounter(IEnumerable<DomainEvent> facts) : IActor
{
    public int Last { get; private set; } = facts.OfType<Counted>().Select(c => c.Number).DefaultIfEmpty().Max();

    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        if (message is not Toy.Ping ping) return;
        if (ping.Number > Last)
        {
            Verify.That(ping.Number == Last + 1);
            Last = ping.Number;
            effects.Persist(new Counted(ping.Number));
        }

        effects.Send(sender, new Toy.Pong(ping.Number));
    }
}

/// <summary>An actor given as a function.</summary>
public sealed class Scripted(Action<ActorId, Message, Effects> receive) : IActor
{
    public void Receive(ActorId sender, Message message, Instant now, Effects effects) => receive(sender, message, effects);
}
