namespace Vae.Tests.Unit.Data;

/// <summary>A test on the 10,000 real test images of MNIST; skipped where they are not at hand.</summary>
public sealed class MnistFactAttribute : FactAttribute
{
    public MnistFactAttribute()
    {
        if (Folder is null) Skip = "MNIST is not here: put t10k-images-idx3-ubyte.gz and its labels into a folder `mnist` and name the folder above it in VAE_TEST_DATA.";
    }

    public static string? Folder { get; } = Find();

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("VAE_TEST_DATA") is { Length: > 0 } named) return Holds(named);
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vae.Distributed.sln"))) return Holds(Path.Combine(folder.FullName, "..", "shared", "data"));
        return null;
    }

    private static string? Holds(string data) => File.Exists(Path.Combine(data, "mnist", "t10k-images-idx3-ubyte.gz")) ? Path.Combine(data, "mnist") : null;
}
