using System.Diagnostics;
using Xunit.Sdk;

namespace Vae.Tests.Processes.Support;

/// <summary>Waits for something that other processes do. Deadlines are for machines under heavy load: nothing is ever expected to take so long.</summary>
internal static class Poll
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns when <paramref name="holds"/> does; the failure says <paramref name="what"/> never came, and <paramref name="evidence"/>.</summary>
    public static Task UntilAsync(string what, Func<bool> holds, Func<string>? evidence = null) => UntilAsync(what, () => Task.FromResult(holds()), evidence);

    /// <inheritdoc cref="UntilAsync(string, Func{bool}, Func{string}?)"/>
    public static async Task UntilAsync(string what, Func<Task<bool>> holds, Func<string>? evidence = null)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            if (Stopwatch.GetElapsedTime(started) > Deadline) throw new XunitException($"{what}: not within {Deadline.TotalSeconds:F0} s. {evidence?.Invoke()}");
            await Task.Delay(Pause);
        }
    }
}
