using System.Reflection;

namespace Vae.Runtime;

/// <summary>Which build this is.</summary>
public static class ProgramVersion
{
    private const string RevisionResource = "revision";

    /// <summary>For example <c>0.1.0</c>.</summary>
    public static string Text { get; } =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>The commit the program was built from, or <c>unknown</c> for a build outside a checkout and in tests.</summary>
    public static string Commit { get; } = Revision(Assembly.GetEntryAssembly()) is { Length: > 0 } revision ? revision : "unknown";

    private static string? Revision(Assembly? program)
    {
        using var stream = program?.GetManifestResourceStream(RevisionResource);
        if (stream is null) return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Trim();
    }
}
