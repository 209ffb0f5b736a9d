using Vae.Shared;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Probing;

/// <summary>One way to train packs of a signature on a worker.</summary>
/// <param name="Lanes">Packs side by side.</param>
/// <param name="Slots">Trials fused in each.</param>
/// <param name="Threads">Compute threads of each lane.</param>
public readonly record struct ProbeShape(int Lanes, int Slots, int Threads);

/// <summary>Trains packs of one signature for a moment.</summary>
public interface IPackBench
{
    /// <summary>Trains in this shape until both limits are passed.</summary>
    /// <returns>Updates of single trials per second, over all slots of all lanes; 0 where the shape does not fit the memory.</returns>
    double Measure(ProbeShape shape, TimeSpan atLeast, int stepsAtLeast, CancellationToken cancellation);
}

/// <summary>What a probe may try.</summary>
/// <param name="Cuda">Lanes share one device and have no threads of their own.</param>
/// <param name="Cores">Lanes times threads never exceeds it on a processor.</param>
/// <param name="SlotsMax">Most slots.</param>
/// <param name="Lanes">The only number of lanes, or null.</param>
/// <param name="Threads">The only number of threads, or null.</param>
/// <param name="Fits">Whether a shape is predicted to fit the memory.</param>
public sealed record ProbeSpace(bool Cuda, int Cores, int SlotsMax, int? Lanes, int? Threads, Func<ProbeShape, bool> Fits);

/// <summary>
/// Finds fast shapes without trying all. First every number of lanes and threads with one slot, briefly; then, from the fastest down, twice the slots as long as that gains; then
/// the best few once more and for longer, turn by turn, because a short burst on a shared machine may be off by a fifth. Steps that are slow are never begun when they would not end in time.
/// </summary>
public sealed class ProbeSearch(IPackBench bench, TimeSpan budget, Func<TimeSpan> elapsed)
{
    private const int StepsOfBurst = 4;
    private const int WarmUpSteps = 2; // The bench's own, before its clock runs.
    private const int Finalists = 4;
    private const int FinalTurns = 4;
    private const int StepsDown = 2; // One number of slots that gains nothing may be noise, two in a row are not.
    private const double InReach = 0.75; // Of the best: what a burst may be off by.

    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan FinalBurst = TimeSpan.FromMilliseconds(200);

    private readonly SortedDictionary<(int Lanes, int Threads, int Slots), double> _rates = [];

    /// <returns>One reading per shape that was tried and fits; empty when not even one step was possible in time.</returns>
    public ValueList<ProbeReading> Run(ProbeSpace space, CancellationToken cancellation)
    {
        foreach (var (lanes, threads) in Lines(space)) Try(new(lanes, 1, threads), space, Burst, cancellation);
        foreach (var (lanes, threads) in _rates.OrderByDescending(one => one.Value).Select(one => (one.Key.Lanes, one.Key.Threads)).ToArray()) Climb(lanes, threads, space, cancellation);
        var finalists = Best();
        for (var turn = 0; turn < FinalTurns; turn++)
        {
            foreach (var shape in finalists) Try(shape, space, FinalBurst, cancellation);
        }

        return _rates.Where(one => one.Value > 0).Select(one => new ProbeReading(one.Key.Lanes, one.Key.Slots, one.Key.Threads, one.Value)).ToValueList();
    }

    /// <summary>Numbers of lanes and threads to look at, the most promising first. Lanes are one-thread: BLAS libraries do the products of several multi-threaded lanes of a process one after the other.</summary>
    public static IEnumerable<(int Lanes, int Threads)> Lines(ProbeSpace space)
    {
        var most = space.Cuda ? PackPlanner.CudaLanesMax : space.Cores;
        var lanes = space.Lanes is { } only ? [only] : Powers(most).Reverse().ToArray();
        foreach (var count in lanes)
        {
            if (space.Threads is { } wanted) yield return (count, wanted);
            else if (space.Cuda || count > 1) yield return (count, 1);
            else foreach (var threads in Powers(space.Cores)) yield return (1, threads);
        }
    }

    // 1, 2, 4, ... and the end itself.
    private static IEnumerable<int> Powers(int end)
    {
        for (var n = 1; n < end; n *= 2) yield return n;
        yield return end;
    }

    private void Climb(int lanes, int threads, ProbeSpace space, CancellationToken cancellation)
    {
        var best = _rates[(lanes, threads, 1)];
        var down = 0;
        for (var slots = 2; slots <= space.SlotsMax && down < StepsDown; slots *= 2)
        {
            if (Try(new(lanes, slots, threads), space, Burst, cancellation) is not { } rate) return;
            down = rate > best ? 0 : down + 1;
            best = Math.Max(best, rate);
        }
    }

    private double? Try(ProbeShape shape, ProbeSpace space, TimeSpan burst, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!space.Fits(shape) || elapsed() + Expected(shape, burst) > budget) return null;
        var rate = bench.Measure(shape, burst, StepsOfBurst, cancellation);
        var key = (shape.Lanes, shape.Threads, shape.Slots);
        // The best burst counts: whatever else runs on the machine only ever makes one slower.
        return _rates[key] = Math.Max(rate, _rates.GetValueOrDefault(key));
    }

    // A step of twice the slots takes twice as long at the worst.
    private TimeSpan Expected(ProbeShape shape, TimeSpan burst)
    {
        for (var slots = shape.Slots; slots >= 1; slots /= 2)
        {
            if (!_rates.TryGetValue((shape.Lanes, shape.Threads, slots), out var rate) || rate <= 0) continue;
            var step = TimeSpan.FromSeconds(shape.Lanes * shape.Slots / rate);
            var steps = (WarmUpSteps + StepsOfBurst) * step;
            return steps > burst ? steps : burst;
        }

        return _rates.Count == 0 ? TimeSpan.Zero : Slowest();
    }

    private TimeSpan Slowest() => TimeSpan.FromSeconds((WarmUpSteps + StepsOfBurst) * _rates.Max(one => one.Value > 0 ? one.Key.Lanes * one.Key.Slots / one.Value : 0));

    private ProbeShape[] Best()
    {
        if (_rates.Count == 0) return [];
        var reach = InReach * _rates.Values.Max();
        return [.. _rates.Where(one => one.Value >= reach).OrderByDescending(one => one.Value).Take(Finalists).Select(one => new ProbeShape(one.Key.Lanes, one.Key.Slots, one.Key.Threads))];
    }
}
