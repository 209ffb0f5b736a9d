namespace Vae.Shared.Sweeps;

/// <summary>A probe's readings, and what follows for shapes between two of them.</summary>
internal sealed class ProbeTable(ValueList<ProbeReading> readings)
{
    public ProbeReading? Find(int lanes, int slots, int threads) =>
        readings.FirstOrDefault(reading => reading.Lanes == lanes && reading.Slots == slots && reading.Threads == threads);

    /// <summary>All measured shapes that are allowed, and for each lanes and threads the largest allowed number of slots between two measured ones.</summary>
    public IEnumerable<ProbeReading> Shapes(PlanLimits limits)
    {
        foreach (var line in readings.GroupBy(reading => (reading.Lanes, reading.Threads)))
        {
            var (lanes, threads) = line.Key;
            var byslots = line.OrderBy(reading => reading.Slots).ToArray();
            foreach (var reading in byslots)
            {
                if (limits.Allows(lanes, reading.Slots, threads)) yield return reading;
            }

            var even = (int)Math.Min(limits.SlotsMax, (limits.Share + lanes - 1) / lanes);
            if (limits.Allows(lanes, even, threads) && Between(byslots, even) is { } between) yield return between;
        }
    }

    // Time per step grows about linearly between two numbers of slots.
    private static ProbeReading? Between(ProbeReading[] bySlots, int slots)
    {
        for (var i = 1; i < bySlots.Length; i++)
        {
            var (low, high) = (bySlots[i - 1], bySlots[i]);
            if (slots <= low.Slots || slots >= high.Slots) continue;
            var share = (double)(slots - low.Slots) / (high.Slots - low.Slots);
            var seconds = (StepSeconds(low) * (1 - share)) + (StepSeconds(high) * share);
            return low with { Slots = slots, StepsPerSecond = low.Lanes * slots / seconds };
        }

        return null;
    }

    private static double StepSeconds(ProbeReading reading) => reading.Lanes * reading.Slots / reading.StepsPerSecond;
}
