using Vae.Shared;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Whose turn it is to let go. A pack that is refilled holds its workers until its sweep is through, which for another sweep may be days. So for each sweep that waits, packs
/// of sweeps that hold more gangs than it are asked to take no more trials, the oldest first, until both would have as many.
/// </summary>
internal static class FairShare
{
    /// <returns>Granted gangs whose <see cref="Gang.ToldToYield"/> is not what it should be.</returns>
    public static List<Gang> Changes(IReadOnlyCollection<Gang> granted, IEnumerable<Gang> waiting)
    {
        var held = granted.GroupBy(gang => gang.Pack.Sweep).ToDictionary(group => group.Key, group => group.Count());
        var yielding = new HashSet<Gang>();
        foreach (var gang in waiting)
        {
            if (FirstToYield(gang, granted, held, yielding) is not { } first) continue;
            yielding.Add(first);
            held[first.Pack.Sweep]--;
            held[gang.Pack.Sweep] = held.GetValueOrDefault(gang.Pack.Sweep) + 1;
        }

        return [.. granted.Where(gang => gang.ToldToYield != yielding.Contains(gang))];
    }

    private static Gang? FirstToYield(Gang waiting, IReadOnlyCollection<Gang> granted, Dictionary<SweepId, int> held, HashSet<Gang> yielding)
    {
        var has = held.GetValueOrDefault(waiting.Pack.Sweep);
        foreach (var gang in granted)
        {
            if (held[gang.Pack.Sweep] > has && !yielding.Contains(gang) && gang.Pack.Sweep != waiting.Pack.Sweep && GangQueue.Kinds(waiting.Request.Device).Contains(gang.Kind)) return gang;
        }

        return null;
    }
}
