namespace Vae.Shared.Sweeps;

/// <summary>How trials are chosen from the parameter domains.</summary>
public enum SearchMethod { Grid, Random }

/// <summary>Which trials a sweep has. No parameters: one trial with the file's own values.</summary>
public sealed record SearchSpec
{
    public SearchMethod Method { get; init; } = SearchMethod.Grid;

    /// <summary>In the order of the file; the last one varies fastest in a grid.</summary>
    public ValueList<SearchParameter> Parameters { get; init; } = [];

    /// <summary>How many trials random search draws, 1 to 10,000,000. Null for a grid.</summary>
    public int? Trials { get; init; }

    /// <summary>Seed of random search. Default 1.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>One searched hyperparameter.</summary>
/// <param name="Path">For example <c>training.beta</c>.</param>
/// <param name="Domain">What it may be.</param>
public sealed record SearchParameter(string Path, ParameterDomain Domain);

/// <summary>The values a hyperparameter may take. The private constructor closes the family to the records below.</summary>
public abstract record ParameterDomain
{
    private ParameterDomain() { }

    /// <summary>A list of values in canonical text (<c>0.5</c>, <c>adam</c>, <c>[512, 256]</c>), each valid for the parameter's field.</summary>
    public sealed record Values(ValueList<string> Items) : ParameterDomain;

    /// <summary>A real number, evenly likely between the two ends. Random search only.</summary>
    public sealed record Uniform(double Low, double High) : ParameterDomain;

    /// <summary>A positive real number whose logarithm is evenly likely between those of the two ends. Random search only.</summary>
    public sealed record LogUniform(double Low, double High) : ParameterDomain;

    /// <summary>A whole number, evenly likely between the two ends, both included. Random search only.</summary>
    public sealed record IntUniform(long Low, long High) : ParameterDomain;
}
