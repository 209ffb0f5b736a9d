using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Worker.Probing;

namespace Vae.Tests.Unit.Sweeps;

public class ProbeSearchTests
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);
    private static readonly ProbeSpace EightCores = new(Cuda: false, Cores: 8, SlotsMax: 32, Lanes: null, Threads: null, _ => true);

    /// <summary>A machine whose steps take a known time, with noise, and whose clock runs only while it steps.</summary>
    private sealed class FakeBench(Func<ProbeShape, double> stepSeconds, double noise = 0, ulong seed = 1) : IPackBench
    {
        private readonly Random _random = new((int)seed);

        public TimeSpan Now { get; private set; }

        public List<ProbeShape> Tried { get; } = [];

        public double RateOf(ProbeShape shape) => shape.Lanes * shape.Slots / stepSeconds(shape);

        public double Measure(ProbeShape shape, TimeSpan atLeast, int stepsAtLeast, CancellationToken cancellation)
        {
            Tried.Add(shape);
            var step = stepSeconds(shape);
            Now += TimeSpan.FromSeconds(Math.Max(atLeast.TotalSeconds, (stepsAtLeast + 2) * step));
            return RateOf(shape) * (1 - (noise * _random.NextDouble()));
        }
    }

    // Fusing saves a fixed cost per step; lanes share the memory; threads gain half.
    private static Func<ProbeShape, double> Machine(double fixedCost, double perSlot, double outOfCache) => shape =>
        (fixedCost + (perSlot * shape.Slots * (1 + (outOfCache * (shape.Slots - 1)))) / (1 + (0.5 * (shape.Threads - 1)))) * (1 + (0.05 * (shape.Lanes - 1)));

    private static ValueList<ProbeReading> Run(FakeBench bench, ProbeSpace? space = null) => new ProbeSearch(bench, Budget, () => bench.Now).Run(space ?? EightCores, CancellationToken.None);

    public static TheoryData<double, double, double> Machines => new() { { 1e-4, 1e-3, 0.05 }, { 1e-3, 1e-4, 0.01 }, { 1e-3, 1e-4, 0 }, { 2e-4, 2e-2, 0 }, { 1e-5, 1e-5, 0.3 } };

    [Theory, MemberData(nameof(Machines))]
    public void The_choice_is_within_a_tenth_of_the_best_of_all_shapes_and_in_time(double fixedCost, double perSlot, double outOfCache)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var bench = new FakeBench(Machine(fixedCost, perSlot, outOfCache), noise: 0.15, seed);

            var readings = Run(bench);

            var chosen = readings.MaxBy(reading => reading.StepsPerSecond)!;
            var all = ProbeSearch.Lines(EightCores).SelectMany(line => Enumerable.Range(0, 6).Select(power => new ProbeShape(line.Lanes, 1 << power, line.Threads)));
            Assert.True(bench.RateOf(new(chosen.Lanes, chosen.Slots, chosen.Threads)) >= 0.9 * all.Max(bench.RateOf), $"seed {seed}: {chosen}");
            Assert.True(bench.Now <= Budget, $"seed {seed}: {bench.Now}");
        }
    }

    [Fact]
    public void Steps_that_take_seconds_are_not_repeated_beyond_the_time()
    {
        var bench = new FakeBench(_ => 0.5);

        var readings = Run(bench);

        Assert.Single(readings); // Six steps of the first shape; a second shape would not end in time.
    }

    [Fact]
    public void What_does_not_fit_the_memory_is_never_tried()
    {
        var bench = new FakeBench(Machine(1e-3, 1e-5, 0));

        Run(bench, EightCores with { Fits = shape => shape.Lanes * shape.Slots <= 4 });

        Assert.All(bench.Tried, shape => Assert.True(shape.Lanes * shape.Slots <= 4));
    }

    [Fact]
    public void What_the_sweep_file_fixes_is_not_varied_and_lanes_side_by_side_have_one_thread()
    {
        Assert.Equal([(3, 2)], ProbeSearch.Lines(EightCores with { Lanes = 3, Threads = 2 }));
        Assert.Equal([(8, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 4), (1, 8)], ProbeSearch.Lines(EightCores));
        Assert.Equal([(4, 1), (2, 1), (1, 1)], ProbeSearch.Lines(EightCores with { Cuda = true }));
    }

    [Fact]
    public void A_probe_that_is_called_off_ends()
    {
        using var off = new CancellationTokenSource();
        off.Cancel();

        Assert.Throws<OperationCanceledException>(() => new ProbeSearch(new FakeBench(_ => 1e-3), Budget, () => TimeSpan.Zero).Run(EightCores, off.Token));
    }

    [Fact]
    public void Readings_are_found_again_under_their_key_and_a_damaged_file_is_no_reading()
    {
        var folder = Directory.CreateTempSubdirectory("vae-probes-");
        var cache = new ProbeCache(folder.FullName);
        ValueList<ProbeReading> readings = [new(2, 1, 1, 150.5), new(1, 8, 1, 700)];

        cache.Store("a", readings);

        Assert.Equal(readings, cache.Find("a"));
        Assert.Empty(cache.Find("b"));
        File.WriteAllText(Assert.Single(folder.GetFiles()).FullName, "{ \"Version\": 1, \"Key\": \"a\", \"Readings\": [ { \"Lanes\": 0 }");
        Assert.Empty(cache.Find("a"));
        folder.Delete(recursive: true);
    }
}
