namespace Vae.Shared.Actors;

/// <summary>Where a message goes: an actor's name on a node, for example <c>coordinator/cluster</c>.</summary>
/// <param name="Node">The process that hosts the actor.</param>
/// <param name="Name">1 to 127 characters of [a-z0-9.-], unique on its node while the actor lives.</param>
public readonly record struct ActorId(NodeId Node, string Name)
{
    /// <summary>The host itself: sender of <see cref="Signal"/>s, of submitted commands and of timers that nobody owns.</summary>
    public static ActorId Host(NodeId node) => new(node, "host");

    /// <inheritdoc/>
    public override string ToString() => $"{Node}/{Name}";
}
