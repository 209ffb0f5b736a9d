namespace Vae.Data.Safetensors;

/// <summary>A weights file that cannot be trusted. The message names the file, the tensor where one is meant, and the rule.</summary>
public sealed class SafetensorsException : Exception
{
    /// <param name="file">How the user calls the file.</param>
    /// <param name="tensor">The tensor that breaks the rule, or null for the file as a whole.</param>
    /// <param name="fault">What is wrong, without a full stop.</param>
    /// <param name="cause">What the system said, or null.</param>
    public SafetensorsException(string file, string? tensor, string fault, Exception? cause = null)
        : base($"{file}: {(tensor is null ? "" : $"tensor `{tensor}`: ")}{fault}.", cause) => (File, Tensor, Fault) = (file, tensor, fault);

    /// <summary>How the user calls the file.</summary>
    public string File { get; }

    /// <summary>The tensor that breaks the rule, or null.</summary>
    public string? Tensor { get; }

    /// <summary>The rule and what was found.</summary>
    public string Fault { get; }
}
