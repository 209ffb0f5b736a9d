using System.Runtime.CompilerServices;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>Files of the repository that the tests run in.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>Compares a generated file with the checked-in one. With VAE_UPDATE_DOCS=1 it is written instead, for the next commit.</summary>
    public static void IsCurrent(string path, string expected)
    {
        var full = Path.Combine(Root, path);
        if (Environment.GetEnvironmentVariable("VAE_UPDATE_DOCS") == "1") File.WriteAllText(full, expected);
        Assert.True(File.Exists(full), $"{path} is missing; run the tests once with VAE_UPDATE_DOCS=1.");
        Assert.True(expected == File.ReadAllText(full), $"{path} is out of date; run the tests once with VAE_UPDATE_DOCS=1 and commit it.");
    }

    private static string Find([CallerFilePath] string here = "")
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Vae.Distributed.sln"))) return folder;
        }
        throw new DirectoryNotFoundException($"No Vae.Distributed.sln above {AppContext.BaseDirectory} (built from {here}).");
    }
}
