namespace Vae.Data;

/// <summary>Data that cannot be used. The message is meant for the user as it stands: file, place, what was expected and found, what to do.</summary>
public sealed class DatasetException : Exception
{
    /// <param name="message">A whole message, for a fault that has no place in a file.</param>
    /// <param name="cause">What the system said, or null.</param>
    public DatasetException(string message, Exception? cause = null) : base(message, cause)
    {
    }

    /// <param name="file">The path as the user wrote it.</param>
    /// <param name="offset">Byte offset into the content, decompressed where the file is compressed; null where the file as a whole is meant.</param>
    /// <param name="expected">The rule.</param>
    /// <param name="found">What is there instead.</param>
    /// <param name="advice">What to do, as a sentence.</param>
    /// <param name="cause">What the system said, or null.</param>
    public DatasetException(string file, long? offset, string expected, string found, string advice, Exception? cause = null)
        : base($"{file}{(offset is { } at ? $", byte {at:N0}" : "")}: expected {expected}, found {found}. {advice}", cause)
    {
        File = file;
        Offset = offset;
        Expected = expected;
        Found = found;
    }

    /// <summary>The path as the user wrote it, or null.</summary>
    public string? File { get; }

    /// <summary>Byte offset into the (decompressed) content, or null.</summary>
    public long? Offset { get; }

    /// <summary>The rule, or null.</summary>
    public string? Expected { get; }

    /// <summary>What is there instead, or null.</summary>
    public string? Found { get; }
}
