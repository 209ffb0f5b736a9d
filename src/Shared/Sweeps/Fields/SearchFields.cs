using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Vae.Shared.Sweeps;

/// <summary>The hyperparameters of one trial, as a search changes them.</summary>
internal readonly record struct TrialSettings(ModelSpec Model, TrainingSpec Training);

/// <summary>A field that a search may vary.</summary>
internal abstract record SearchField(string Path, string Expectation, NumberKind Number)
{
    public abstract bool TryCanonical(SourceNode node, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out ReadFault? fault);

    public abstract bool TryApply(ref TrialSettings settings, SourceNode node, [NotNullWhen(false)] out ReadFault? fault);

    private sealed record Of<TSpec>(Section<TSpec> Section, Field<TSpec> Field, Func<TrialSettings, TSpec> Get, Func<TrialSettings, TSpec, TrialSettings> Set)
        : SearchField(Section.PathOf(Field), Field.Expectation, Field.Number)
    {
        public override bool TryCanonical(SourceNode node, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out ReadFault? fault) =>
            Field.TryCanonical(node, out text, out fault);

        public override bool TryApply(ref TrialSettings settings, SourceNode node, [NotNullWhen(false)] out ReadFault? fault)
        {
            if (!Field.TryApply(Get(settings), node, out var changed, out fault)) return false;
            settings = Set(settings, changed);
            return true;
        }
    }

    /// <summary>All of them: every field of model and training.</summary>
    public static IReadOnlyList<SearchField> All { get; } =
    [
        .. SweepFields.Model.Fields.Select(field => new Of<ModelSpec>(SweepFields.Model, field, s => s.Model, (s, m) => s with { Model = m })),
        .. SweepFields.Training.Fields.Select(field => new Of<TrainingSpec>(SweepFields.Training, field, s => s.Training, (s, t) => s with { Training = t })),
    ];

    private static FrozenDictionary<string, SearchField> ByPath { get; } = All.ToFrozenDictionary(field => field.Path, StringComparer.Ordinal);

    public static SearchField? Find(string path) => ByPath.GetValueOrDefault(path);
}

/// <summary>Bounds of a search.</summary>
public static class SearchLimits
{
    /// <summary>More trials than this cannot be meant: at one second each they take four months.</summary>
    public const int TrialsMax = 10_000_000;
}
