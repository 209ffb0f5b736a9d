using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>What went wrong at this node's ports, counted by kind; the kinds are few and known, so they can be labels of a metric.</summary>
public sealed class RemotingCounters
{
    private readonly long[] _rejected = new long[Enum.GetValues<HandshakeRule>().Length];
    private readonly long[] _protocol = new long[Enum.GetValues<ProtocolErrorKind>().Length];
    private long _forged;
    private long _overflow;

    /// <summary>Connections turned away for this rule.</summary>
    public long Rejected(HandshakeRule rule) => Volatile.Read(ref _rejected[(int)rule]);

    /// <summary>Connections turned away, all rules.</summary>
    public long RejectedTotal => _rejected.Sum();

    /// <summary>Frames of authenticated peers that broke this rule.</summary>
    public long ProtocolErrors(ProtocolErrorKind kind) => Volatile.Read(ref _protocol[(int)kind]);

    /// <summary>Messages that claimed to come from another node than the one at the end of the connection.</summary>
    public long ForgedSenders => Volatile.Read(ref _forged);

    /// <summary>Peers disconnected because they did not keep up.</summary>
    public long SlowPeers => Volatile.Read(ref _overflow);

    internal void CountRejected(HandshakeRule rule) => Interlocked.Increment(ref _rejected[(int)rule]);

    internal void CountProtocolError(ProtocolErrorKind kind) => Interlocked.Increment(ref _protocol[(int)kind]);

    internal void CountForged() => Interlocked.Increment(ref _forged);

    internal void CountSlowPeer() => Interlocked.Increment(ref _overflow);
}
