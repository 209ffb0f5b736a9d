namespace Vae.Shared.Collectives;

/// <summary>What a chunk on the wire is. The numbers are wire format: added to, never renumbered.</summary>
public enum RingPhase
{
    /// <summary>First round: partial sums; the receiver adds its own values.</summary>
    ReduceScatter = 1,

    /// <summary>Second round: finished sums; the receiver keeps and passes on.</summary>
    AllGather = 2,

    /// <summary>Small buffers, one round: untouched inputs, the chunk number is the rank they come from; everybody adds for itself.</summary>
    Exchange = 3,

    /// <summary>Sent against the stream, to the left: "I stop; the rank in the chunk field is why". Carries no payload.</summary>
    Farewell = 4,

    /// <summary>Sent to the right where another engine moves the gradients: "I begin this sum; so many bytes are mine". Carries no payload, the length is what it says.</summary>
    Announcement = 5,

    /// <summary>Sent to the right while nothing is summed: "answer when all of this is here". The chunk number counts them, the payload means nothing.</summary>
    Ping = 6,

    /// <summary>Sent against the stream, to the left: the answer to the ping of this number. Carries no payload.</summary>
    Pong = 7,
}

/// <summary>Element type of a chunk's payload. The numbers are wire format: added to, never renumbered.</summary>
public enum ElementType
{
    /// <summary>IEEE 754 binary32, little-endian.</summary>
    Binary32 = 1,

    /// <summary>The upper half of a binary32, rounded, little-endian: what travels between ranks that compress.</summary>
    BFloat16 = 2,
}
