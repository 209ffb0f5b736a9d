using Vae.Runtime.Actors;

namespace Vae.Runtime.Remoting;

/// <summary>The rule that a handshake broke.</summary>
public enum HandshakeRule
{
    /// <summary>The first bytes are not this protocol: a browser, a port scan, a TLS client.</summary>
    NotOurProtocol,

    /// <summary>The peer speaks another version of the protocol.</summary>
    WrongVersion,

    /// <summary>The peer belongs to another cluster.</summary>
    WrongCluster,

    /// <summary>The peer does not know the cluster's token.</summary>
    WrongToken,

    /// <summary>The peer's name is not allowed, or is that of this very node.</summary>
    WrongNode,

    /// <summary>This port does not serve what the peer asked for.</summary>
    WrongPurpose,

    /// <summary>A frame of the handshake is damaged.</summary>
    Damaged,

    /// <summary>The handshake took longer than 5 s.</summary>
    Deadline,

    /// <summary>Too many strangers are at the door at once.</summary>
    Crowded,

    /// <summary>The peer hung up before the handshake was over.</summary>
    HungUp,
}

/// <summary>The two ends could not agree to talk. The message is fit for a user and holds no secret.</summary>
public sealed class HandshakeException(HandshakeRule rule, string message, bool refusedByPeer = false) : UserFitException(message)
{
    /// <summary>The broken rule.</summary>
    public HandshakeRule Rule { get; } = rule;

    /// <summary>True when the other end said so; false when this end found it.</summary>
    public bool RefusedByPeer { get; } = refusedByPeer;

    /// <summary>True when trying again cannot help: the two ends are set up differently.</summary>
    public bool IsFinal => Rule is HandshakeRule.WrongVersion or HandshakeRule.WrongCluster or HandshakeRule.WrongToken
        or HandshakeRule.WrongNode or HandshakeRule.WrongPurpose or HandshakeRule.NotOurProtocol;
}

/// <summary>A port cannot be listened on. The message is fit for a user.</summary>
public sealed class ListenException(string message, Exception inner) : UserFitException(message, inner);
