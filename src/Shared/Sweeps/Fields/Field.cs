using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>What the reference and a search need to know about one field of the sweep file.</summary>
/// <param name="Section">For example <c>model</c>; empty for the fields at the top.</param>
/// <param name="Key">For example <c>latent</c>.</param>
/// <param name="Type">For example <c>whole number</c>.</param>
/// <param name="Allowed">For example <c>1 to 4,096</c>.</param>
/// <param name="Default">In canonical text; null when the field is required.</param>
/// <param name="Doc">One or two sentences.</param>
/// <param name="Searchable">Whether a search may vary it.</param>
public sealed record FieldInfo(string Section, string Key, string Type, string Allowed, string? Default, string Doc, bool Searchable)
{
    public string Path => Section.Length == 0 ? Key : $"{Section}.{Key}";
}

/// <summary>One row of the table in <see cref="SweepFields"/>: where a value lives in <typeparamref name="TSpec"/> and what it looks like.</summary>
internal abstract class Field<TSpec>(string key, string doc)
{
    public string Key { get; } = key;

    public string Doc { get; } = doc;

    /// <summary>The file must have it; there is no default.</summary>
    public bool Required { get; init; }

    /// <summary>What the same thing is called elsewhere; only ever used to suggest the right key.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public abstract string Type { get; }

    public abstract string Allowed { get; }

    public abstract string Expectation { get; }

    public abstract NumberKind Number { get; }

    /// <summary>Reads a value and returns the record with it.</summary>
    public abstract bool TryApply(TSpec spec, SourceNode node, [MaybeNullWhen(false)] out TSpec changed, [NotNullWhen(false)] out ReadFault? fault);

    /// <summary>Reads a value and returns its canonical text.</summary>
    public abstract bool TryCanonical(SourceNode node, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out ReadFault? fault);

    public abstract string Display(TSpec spec);

    public abstract void WriteJson(Utf8JsonWriter json, TSpec spec);

    public abstract void WriteSchema(Utf8JsonWriter json);
}

/// <summary>A field with the type of its value.</summary>
internal sealed class Field<TSpec, T>(string key, FieldType<T> type, Func<TSpec, T> get, Func<TSpec, T, TSpec> set, string doc) : Field<TSpec>(key, doc)
{
    public override string Type => type.Name;

    public override string Allowed => type.Allowed;

    public override string Expectation => type.Expectation;

    public override NumberKind Number => type.Number;

    public override bool TryApply(TSpec spec, SourceNode node, [MaybeNullWhen(false)] out TSpec changed, [NotNullWhen(false)] out ReadFault? fault)
    {
        changed = default;
        if (!type.TryRead(node, out var value, out fault)) return false;
        changed = set(spec, value)!;
        return true;
    }

    public override bool TryCanonical(SourceNode node, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out ReadFault? fault)
    {
        text = type.TryRead(node, out var value, out fault) ? type.Display(value) : null;
        return text is not null;
    }

    public override string Display(TSpec spec) => type.Display(get(spec));

    public override void WriteJson(Utf8JsonWriter json, TSpec spec)
    {
        json.WritePropertyName(Key);
        type.WriteJson(json, get(spec));
    }

    public override void WriteSchema(Utf8JsonWriter json) => type.WriteSchema(json);
}
