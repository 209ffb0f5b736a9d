namespace Vae.Shared.Wire;

/// <summary>Which rule a peer's bytes broke.</summary>
public enum ProtocolErrorKind
{
    /// <summary>The bytes end inside a value.</summary>
    Truncated,

    /// <summary>A value of another type stands where this one is expected.</summary>
    WrongType,

    /// <summary>An integer does not fit the field, or a named value is not one this build knows.</summary>
    OutOfRange,

    /// <summary>A string, array or map declares more than the bytes that are left could hold.</summary>
    LengthBeyondInput,

    /// <summary>Arrays and maps are nested deeper than <see cref="MsgPackReader.DepthMax"/>.</summary>
    TooDeep,

    /// <summary>A string is not UTF-8.</summary>
    InvalidText,

    /// <summary>The one code that the format leaves unused, 0xC1.</summary>
    InvalidCode,

    /// <summary>A record has fewer fields than this build needs.</summary>
    MissingField,

    /// <summary>Bytes are left over after the value.</summary>
    TrailingBytes,

    /// <summary>No row of the catalog has this tag.</summary>
    UnknownTag,

    /// <summary>The frame's body is longer than <see cref="FrameHeader.BodyLengthMax"/>.</summary>
    FrameTooLong,

    /// <summary>The frame was written by another version of the protocol, or a stored fact that is whole by another version of this program.</summary>
    WrongVersion,

    /// <summary>A stored fact is not what was written.</summary>
    WrongChecksum,
}

/// <summary>Bytes from outside that break the protocol. The connection they came on is closed; the program is not at fault.</summary>
/// <param name="kind">The broken rule.</param>
/// <param name="offset">Where, in bytes from the start of the body.</param>
/// <param name="detail">What was found, for the log.</param>
public sealed class ProtocolException(ProtocolErrorKind kind, long offset, string detail)
    : Exception($"Protocol error {kind} at byte {offset}: {detail}")
{
    /// <summary>The broken rule.</summary>
    public ProtocolErrorKind Kind { get; } = kind;

    /// <summary>Where, in bytes from the start of the body.</summary>
    public long Offset { get; } = offset;

    /// <summary>What was found.</summary>
    public string Detail { get; } = detail;
}
