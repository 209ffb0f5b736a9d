using System.Globalization;
using System.Reflection;

namespace Vae.Tests.Simulation.Host;

/// <summary>Which seeds a simulation test runs: <c>VAE_SEED=7</c> replays one, <c>VAE_SEEDS=1000</c> widens the search.</summary>
public static class Seeds
{
    /// <summary>Seeds 1 to <paramref name="count"/>, or what the environment says.</summary>
    public static TheoryData<ulong> Of(int count) => [.. Range(count)];

    /// <summary>Seeds 1 to <paramref name="count"/>, or what the environment says. <c>VAE_FIRST_SEED</c> begins elsewhere.</summary>
    public static IReadOnlyList<ulong> Range(int count)
    {
        if (Read("VAE_SEED") is { } one) return [one];
        var first = Read("VAE_FIRST_SEED") ?? 1;
        var list = new List<ulong>();
        for (ulong seed = 0; seed < (Read("VAE_SEEDS") ?? (ulong)count); seed++) list.Add(first + seed);
        return list;
    }

    /// <summary>True when one seed is replayed.</summary>
    public static bool IsOne => Read("VAE_SEED") is not null;

    /// <summary>The commit that the tests were built from: a seed has one history in one build, and another in the next.</summary>
    public static string Build { get; } =
        typeof(Seeds).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+') is [_, var commit] ? commit : "outside a checkout";

    private static ulong? Read(string name) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
