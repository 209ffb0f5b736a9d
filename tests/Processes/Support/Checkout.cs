namespace Vae.Tests.Processes.Support;

/// <summary>Where this build and its neighbours lie.</summary>
internal static class Checkout
{
    public static string Root { get; } = Above(AppContext.BaseDirectory, "Vae.Distributed.sln")
        ?? throw new InvalidOperationException($"No Vae.Distributed.sln above {AppContext.BaseDirectory}.");

    /// <summary>The program `vae` of the same configuration as this test.</summary>
    public static string Program { get; } = FindProgram("src", "Cli", "vae");

    /// <summary>The all-reduce benchmark of the same configuration, one process of which is one rank.</summary>
    public static string AllReduce { get; } = FindProgram("benchmarks", "allreduce", "allreduce");

    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A program on the search path; null when there is none of that name.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>A file of real data, beside the checkout or where VAE_TEST_DATA says; null when it is not there.</summary>
    public static string? FindData(string file)
    {
        var folder = Environment.GetEnvironmentVariable("VAE_TEST_DATA") is { Length: > 0 } given ? given : Path.GetFullPath(Path.Combine(Root, "..", "shared", "data"));
        var path = Path.Combine(folder, file);
        return File.Exists(path) ? path : null;
    }

    // .../tests/Processes/bin/CONFIGURATION/FRAMEWORK/
    private static string FindProgram(string group, string project, string name)
    {
        var framework = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        var path = PathTo(group, project, "bin", framework.Parent!.Name, framework.Name, name);
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} is missing: build the solution in the same configuration.");
    }

    private static string? Above(string folder, string file)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, file))) return at.FullName;
        }

        return null;
    }
}

/// <summary>A test that needs outside programs; without one of them it is skipped and says which.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithAttribute : FactAttribute
{
    public FactWithAttribute(params string[] programs) =>
        Skip = programs.FirstOrDefault(program => Checkout.Find(program) is null) is { } missing ? $"{missing} is not on the path." : null;
}

/// <summary>A test on real data; without it the test is skipped and says which file is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactOnDataAttribute : FactAttribute
{
    public FactOnDataAttribute(string file) => Skip = Checkout.FindData(file) is null ? $"{file} is neither in ../shared/data nor where VAE_TEST_DATA says." : null;
}

/// <summary>A test that mounts a file system.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactAsRootAttribute : FactAttribute
{
    public FactAsRootAttribute() => Skip = !Environment.IsPrivilegedProcess ? "mounting a small file system needs root." : TinyDisk.IsAvailable ? null : "this system does not let us mount a file system.";
}
