using System.Globalization;

namespace Vae.Tests.Simulation.Host;

/// <summary>Which seeds a simulation test runs: <c>VAE_SEED=7</c> replays one, <c>VAE_SEEDS=1000</c> widens the search.</summary>
public static class Seeds
{
    /// <summary>Seeds 1 to <paramref name="count"/>, or what the environment says.</summary>
    public static TheoryData<ulong> Of(int count)
    {
        if (Read("VAE_SEED") is { } one) return [one];
        var data = new TheoryData<ulong>();
        var last = Read("VAE_SEEDS") ?? (ulong)count;
        for (ulong seed = 1; seed <= last; seed++) data.Add(seed);
        return data;
    }

    private static ulong? Read(string name) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
