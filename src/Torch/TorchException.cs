namespace Vae.Torch;

/// <summary>libtorch refused an operation. The message is libtorch's own, without its C++ stack.</summary>
public sealed class TorchException : Exception
{
    /// <summary>An exception with libtorch's text.</summary>
    public TorchException(string message) : base(message)
    {
    }

    /// <summary>True when memory of the host or of a device ran out: the trial fails, the process may go on.</summary>
    public bool IsOutOfMemory =>
        Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        || Message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
        || Message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase)
        || Message.Contains("bad_alloc", StringComparison.Ordinal);
}

/// <summary>libtorch or our shim cannot be loaded. The message says what to install; there is nothing else to know.</summary>
public sealed class TorchUnavailableException : Exception
{
    /// <summary>An exception with the remedy in its text.</summary>
    public TorchUnavailableException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
