using System.Reflection;

namespace Vae.Runtime;

/// <summary>Which build this is.</summary>
public static class ProgramVersion
{
    private static readonly string Informational =
        typeof(ProgramVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    /// <summary>For example <c>0.1.0</c>.</summary>
    public static string Text { get; } = Informational.Split('+')[0];

    /// <summary>The commit it was built from, or <c>unknown</c> for a build outside a checkout.</summary>
    public static string Commit { get; } = Informational.Split('+') is [_, var commit] ? commit : "unknown";
}
