using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary><c>load_model.py</c>: a page of Python that opens an exported model with PyTorch alone. It is written beside the weights, so that they can be used where this program is not.</summary>
public static class PyTorchLoader
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "load_model.py";

    private const string LadderFile = "load_ladder.py";

    /// <summary>Whether there is one for a family.</summary>
    public static bool Opens(ModelFamily family) => family is ModelFamily.Vae or ModelFamily.Conditional or ModelFamily.M2 or ModelFamily.Ladder;

    /// <summary>Its content, UTF-8.</summary>
    /// <param name="family">The model's.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is none for the family, see <see cref="Opens"/>.</exception>
    public static byte[] Read(ModelFamily family = ModelFamily.Vae)
    {
        if (!Opens(family)) throw new ArgumentOutOfRangeException(nameof(family), family, "There is no loader for it.");
        var name = family == ModelFamily.Ladder ? LadderFile : FileName;
        using var source = typeof(PyTorchLoader).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} was not built into the program.");
        var content = new byte[source.Length];
        source.ReadExactly(content);
        return content;
    }
}
