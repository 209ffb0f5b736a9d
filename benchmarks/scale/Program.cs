using System.Diagnostics;
using System.Globalization;
using Vae.Benchmarks.Scale;

// scale [WORKERS TRIALS]...   one line of a Markdown table for each pair
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
(int Workers, int Trials)[] cases = args.Length > 0
    ? [.. args.Chunk(2).Select(pair => (int.Parse(pair[0], CultureInfo.InvariantCulture), int.Parse(pair[1], CultureInfo.InvariantCulture)))]
    : [(10, 1_000), (10, 10_000), (100, 10_000), (100, 100_000), (1_000, 10_000), (1_000, 100_000)];
_ = new Fleet(10, 500).Run(); // Compiles what is measured.
Console.WriteLine("| workers | trials | placement us/trial | sweep us/trial | cluster us/heartbeat | tick us, busy | lose and replace all workers, us each | replay of the facts ms | adopt and claim ms | facts |");
Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
foreach (var (workers, trials) in cases)
{
    var fleet = new Fleet(workers, trials);
    var started = Stopwatch.GetTimestamp();
    var cost = fleet.Run();
    Console.WriteLine($"| {workers:N0} | {trials:N0} | {cost.PlacementMicroseconds:F1} | {cost.SweepMicroseconds:F1} | {cost.HeartbeatMicroseconds:F1} | {cost.TickMicroseconds:F0} | {cost.ReplaceMicroseconds:F1} | {cost.ReplayMilliseconds:F0} | {cost.AdoptMilliseconds:F0} | {cost.Facts:N0} |");
    Console.Error.WriteLine($"{workers} workers, {trials} trials: {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s");
}
