using Vae.Shared;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Simulation.Runs;

/// <summary>A sweep of a run.</summary>
internal sealed record SweepShape(SweepId Id, SweepDefinition Definition, TimeSpan At, TimeSpan? CancelledAt);

/// <summary>How large a run is and what is in it. Follows from the seed: of a hundred runs one is the whole cluster, three are large, twelve of middle size, the others small, for most defects need few actors and many seeds.</summary>
internal sealed record RunShape
{
    private const ulong Stream = 0x5A9E;

    public required string Size { get; init; }

    public required int Coordinators { get; init; }

    public required int Workers { get; init; }

    /// <summary>Packs side by side on each worker.</summary>
    public required int Lanes { get; init; }

    public required IReadOnlyList<SweepShape> Sweeps { get; init; }

    /// <summary>Trials that somebody wants stopped, and when.</summary>
    public required IReadOnlyList<(SweepId Sweep, int Trial, TimeSpan At)> Prunings { get; init; }

    /// <summary>When nothing goes wrong any more.</summary>
    public required TimeSpan FaultTime { get; init; }

    /// <summary>The last worker has a defect that the others do not share.</summary>
    public required bool HasBadWorker { get; init; }

    /// <summary>Points that a worker keeps: few in some runs, so that they must be thinned.</summary>
    public required int OutboxMax { get; init; }

    public int Trials => Sweeps.Sum(sweep => (int)SweepTrials.Count(sweep.Definition));

    /// <summary>The shape of a seed.</summary>
    public static RunShape Of(ulong seed)
    {
        var prng = new Prng(seed).Fork(Stream);
        var (size, workers, sweeps, trials, time) = (seed % 100) switch
        {
            0 => ("cluster", 50, 4, 70, 60),
            25 or 50 or 75 => ("large", 20, 3, 40, 60),
            var rest when rest % 8 == 3 => ("middle", 6 + prng.NextBelow(5), 2, 16 + prng.NextBelow(16), 50),
            _ => ("small", 2 + prng.NextBelow(4), 1 + prng.NextBelow(2), 4 + prng.NextBelow(9), 30 + prng.NextBelow(20)),
        };
        var faultTime = TimeSpan.FromSeconds(time);
        var list = Enumerable.Range(0, sweeps).Select(number => Sweep(number, trials, faultTime, prng)).ToArray();
        return new RunShape
        {
            Size = size,
            Coordinators = prng.NextBelow(10) switch { < 5 => 1, < 9 => 2, _ => 3 },
            Workers = workers,
            Lanes = 1 + prng.NextBelow(2),
            Sweeps = list,
            Prunings = [.. Enumerable.Range(0, prng.NextBelow(4)).Select(_ => (list[prng.NextBelow(sweeps)].Id, prng.NextBelow(trials), prng.Between(TimeSpan.FromSeconds(2), faultTime)))],
            FaultTime = faultTime,
            HasBadWorker = workers > 2 && prng.Chance(0.15),
            OutboxMax = prng.Chance(0.2) ? 100 : 20_000,
        };
    }

    private static SweepShape Sweep(int number, int trials, TimeSpan faultTime, Prng prng)
    {
        (int, int)[] gangs = [(1, 1), (1, 2), (1, 3), (2, 3), (1, 4)];
        var definition = Grid($"sweep {number}", trials, gangs[prng.NextBelow(gangs.Length)], 1 + prng.NextBelow(4), signatures: trials % 2 == 0 ? 1 + prng.NextBelow(2) : 1);
        var at = prng.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(3 * number + 1));
        return new(new($"s-{number}"), definition, at, prng.Chance(0.1) ? prng.Between(TimeSpan.FromSeconds(3), faultTime) : null);
    }

    /// <summary>A sweep of tiny models, which the planner fuses as far as it may.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="trials">A multiple of <paramref name="signatures"/>.</param>
    /// <param name="workers">Least and most workers of a pack.</param>
    /// <param name="maxPack">Most trials of a pack.</param>
    /// <param name="signatures">Kinds of model, one after the other in the search.</param>
    public static SweepDefinition Grid(string name, int trials, (int Min, int Max) workers, int maxPack, int signatures) => new()
    {
        Name = name,
        Dataset = new Vae.Shared.Datasets.DatasetSource { Source = Vae.Shared.Datasets.DatasetSource.Sprites, Count = 100, Size = 8 },
        Model = new ModelSpec { Encoder = [8], Latent = 2 },
        Search = new SearchSpec
        {
            Parameters =
            [
                new("training.seed", new ParameterDomain.Values(Numbers(1, trials / signatures))),
                new("training.batch", new ParameterDomain.Values(Numbers(16, signatures))),
            ],
        },
        Resources = new ResourceSpec { WorkersPerPackMin = workers.Min, WorkersPerPackMax = workers.Max, MaxPack = maxPack },
    };

    private static ValueList<string> Numbers(int first, int count) =>
        Enumerable.Range(first, count).Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToValueList();

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Size}: {Coordinators} coordinators, {Workers} workers of {Lanes} lanes, {string.Join(", ", Sweeps.Select(sweep => $"{sweep.Id} of {SweepTrials.Count(sweep.Definition)} trials, packs of {sweep.Definition.Resources.MaxPack} on {sweep.Definition.Resources.WorkersPerPackMin} to {sweep.Definition.Resources.WorkersPerPackMax} workers"))}";
}
