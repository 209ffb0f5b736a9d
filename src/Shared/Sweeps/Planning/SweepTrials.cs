using Vae.Shared.Determinism;

namespace Vae.Shared.Sweeps;

/// <summary>The trials of a sweep: the same list, in the same order, wherever and whenever it is asked for.</summary>
public static class SweepTrials
{
    // A continuous domain repeats itself only when its range is a few roundings wide; then fewer trials are the honest answer.
    private const int RetriesMax = 1_000;

    /// <summary>
    /// How many trials the sweep has, without listing them. Random search over finitely many combinations has no more trials than those.
    /// A number above <see cref="SearchLimits.TrialsMax"/> is refused by the parser.
    /// </summary>
    public static long Count(SweepDefinition sweep)
    {
        var combinations = Combinations(sweep.Search);
        return sweep.Search.Method == SearchMethod.Grid ? combinations : Math.Min(combinations, sweep.Search.Trials ?? 0);
    }

    /// <summary>Lists the trials one by one; stopping early costs nothing for the rest.</summary>
    /// <exception cref="ArgumentException">The definition was not made by the parser and names a parameter or value that no field accepts.</exception>
    public static IEnumerable<TrialSpec> Enumerate(SweepDefinition sweep)
    {
        if (sweep.Search.Method == SearchMethod.Random) return Random(sweep);
        var count = (int)Math.Min(Count(sweep), int.MaxValue);
        return Enumerable.Range(0, count).Select(index => Make(sweep, index, Ordinal(sweep.Search, index)));
    }

    /// <summary>At most <paramref name="count"/> trials from all over the sweep: all of a small one, a fixed random choice of a large grid.</summary>
    internal static IEnumerable<TrialSpec> Sample(SweepDefinition sweep, int count)
    {
        var total = Count(sweep);
        if (total <= count || sweep.Search.Method == SearchMethod.Random) return Enumerate(sweep).Take(count);
        var random = new Prng(seed: 1);
        return Enumerable.Range(0, count).Select(_ => (int)random.NextBelow(total)).Select(index => Make(sweep, index, Ordinal(sweep.Search, index)));
    }

    /// <returns>The product of the domains' sizes; <see cref="long.MaxValue"/> when it is larger or a domain is continuous.</returns>
    internal static long Combinations(SearchSpec search)
    {
        UInt128 product = 1;
        foreach (var (_, domain) in search.Parameters)
        {
            product *= domain switch
            {
                ParameterDomain.Values values => (UInt128)values.Items.Count,
                ParameterDomain.IntUniform range => Size(range),
                _ => long.MaxValue,
            };
            if (product >= long.MaxValue) return long.MaxValue;
        }
        return (long)product;
    }

    private static IEnumerable<TrialSpec> Random(SweepDefinition sweep)
    {
        var random = new Prng(sweep.Search.Seed);
        var combinations = Combinations(sweep.Search);
        return combinations < long.MaxValue ? RandomOfFinite(sweep, combinations, random) : RandomOfInfinite(sweep, random);
    }

    // A shuffle of all combinations, of which only the part that was drawn is stored: no draw is ever rejected, even for the last one.
    private static IEnumerable<TrialSpec> RandomOfFinite(SweepDefinition sweep, long combinations, Prng random)
    {
        var moved = new Dictionary<long, long>();
        var count = (int)Count(sweep);
        for (var index = 0; index < count; index++)
        {
            var drawn = index + random.NextBelow(combinations - index);
            var ordinal = moved.GetValueOrDefault(drawn, drawn);
            moved[drawn] = moved.GetValueOrDefault(index, index);
            yield return Make(sweep, index, Ordinal(sweep.Search, ordinal));
        }
    }

    private static IEnumerable<TrialSpec> RandomOfInfinite(SweepDefinition sweep, Prng random)
    {
        var seen = new HashSet<ValueList<string>>();
        for (var index = 0; index < (sweep.Search.Trials ?? 0); index++)
        {
            var retries = 0;
            ValueList<string> values;
            do
            {
                values = sweep.Search.Parameters.Select(parameter => Draw(parameter.Domain, random)).ToValueList();
            }
            while (!seen.Add(values) && ++retries < RetriesMax);
            if (retries == RetriesMax) yield break;
            yield return Make(sweep, index, values);
        }
    }

    /// <summary>The values of combination number <paramref name="ordinal"/>, counted with the last parameter fastest.</summary>
    private static ValueList<string> Ordinal(SearchSpec search, long ordinal)
    {
        var values = new string[search.Parameters.Count];
        for (var i = values.Length - 1; i >= 0; i--)
        {
            var domain = search.Parameters[i].Domain;
            var size = domain is ParameterDomain.Values list ? list.Items.Count
                : domain is ParameterDomain.IntUniform range ? (long)Size(range)
                : throw new ArgumentException($"{search.Parameters[i].Path} has a continuous range, which a grid cannot list.", nameof(search));
            (ordinal, var digit) = Math.DivRem(ordinal, size);
            values[i] = domain is ParameterDomain.Values texts ? texts.Items[(int)digit] : $"{((ParameterDomain.IntUniform)domain).Low + digit}";
        }
        return [.. values];
    }

    private static string Draw(ParameterDomain domain, Prng random) => domain switch
    {
        ParameterDomain.Values values => values.Items[random.NextBelow(values.Items.Count)],
        ParameterDomain.IntUniform range => $"{range.Low + (long)(Size(range) > long.MaxValue ? random.Next() >> 1 : (ulong)random.NextBelow((long)Size(range)))}",
        ParameterDomain.Uniform range => Rounding.Within(range.Low, range.High, range.Low + ((range.High - range.Low) * random.NextDouble()), range.High - range.Low),
        ParameterDomain.LogUniform range => Logarithmic(range, random),
        _ => throw new ArgumentException($"No rule for {domain.GetType().Name}.", nameof(domain)),
    };

    private static string Logarithmic(ParameterDomain.LogUniform range, Prng random)
    {
        var value = Math.Exp(Math.Log(range.Low) + ((Math.Log(range.High) - Math.Log(range.Low)) * random.NextDouble()));
        return Rounding.Within(range.Low, range.High, value, Math.Min(value, range.High - range.Low));
    }

    private static UInt128 Size(ParameterDomain.IntUniform range) => (UInt128)((Int128)range.High - range.Low) + 1;

    private static TrialSpec Make(SweepDefinition sweep, int index, ValueList<string> values)
    {
        var settings = new TrialSettings(sweep.Model, sweep.Training);
        var assignments = new Assignment[values.Count];
        for (var i = 0; i < assignments.Length; i++)
        {
            var path = sweep.Search.Parameters[i].Path;
            if (SearchField.Find(path) is not { } field) throw new ArgumentException($"There is no hyperparameter {path}.", nameof(sweep));
            if (!field.TryApply(ref settings, SourceNode.FromCanonical(values[i]), out var fault))
            {
                throw new ArgumentException($"{path} must be {field.Expectation}, but is {fault.Found}.", nameof(sweep));
            }
            assignments[i] = new(path, values[i]);
        }
        return new TrialSpec { Index = index, Assignments = [.. assignments], Model = Resolve(settings.Model, sweep.Dataset.Source), Training = settings.Training };
    }

    // A trial says all that its network follows from: who builds it does not know the data's source.
    private static ModelSpec Resolve(ModelSpec model, string source) =>
        model is { Family: ModelFamily.Conditional or ModelFamily.M2, Classes: null } ? model with { Classes = model.ClassesFor(source) } : model;
}
