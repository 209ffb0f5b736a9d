using Vae.Shared;

namespace Vae.Runtime.Remoting;

/// <summary>Who this process is in a cluster.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Cluster">The cluster's name, 1 to 63 characters of [a-z0-9-]. Nodes of different clusters refuse each other.</param>
/// <param name="Token">The cluster's secret.</param>
public sealed record NodeIdentity(NodeId Node, string Cluster, ClusterToken Token);

/// <summary>What a connection is for.</summary>
public enum ConnectionPurpose
{
    /// <summary>Messages between actors.</summary>
    Control = 1,

    /// <summary>Shards and artifacts.</summary>
    Blob = 2,

    /// <summary>A raw stream for the all-reduce.</summary>
    Data = 3,
}

/// <summary>The other end of an authenticated connection.</summary>
/// <param name="Node">Its name, proved together with the token.</param>
/// <param name="Purpose">What the connecting side asked for.</param>
/// <param name="Payload">What the connecting side sent along, at most <see cref="Handshake.PayloadMax"/> bytes; authenticated too.</param>
public sealed record Peer(NodeId Node, ConnectionPurpose Purpose, ReadOnlyMemory<byte> Payload);
