using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>The effects of one message that wait for the store, or for an earlier batch that does.</summary>
internal sealed class Batch(Effects effects, int life)
{
    public Effects Effects => effects;

    /// <summary>The life of the actor that asked. Of a crashed life only the messages still leave.</summary>
    public int Life => life;

    /// <summary>True when every fact of the batch is durable.</summary>
    public bool Durable { get; set; } = true;
}
