namespace Vae.Models.Files;

/// <summary><c>load_model.py</c>: a page of Python that opens an exported model with PyTorch alone. It is written beside the weights, so that they can be used where this program is not.</summary>
public static class PyTorchLoader
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "load_model.py";

    /// <summary>Its content, UTF-8.</summary>
    public static byte[] Read()
    {
        using var source = typeof(PyTorchLoader).Assembly.GetManifestResourceStream(FileName) ?? throw new InvalidOperationException($"{FileName} was not built into the program.");
        var content = new byte[source.Length];
        source.ReadExactly(content);
        return content;
    }
}
