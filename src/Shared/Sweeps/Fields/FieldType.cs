using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>Whether a field is a number, which decides the parameter domains that it can have.</summary>
public enum NumberKind { None, Whole, Real }

/// <summary>Why a value does not fit its field.</summary>
/// <param name="Rule">See <see cref="Rules"/>.</param>
/// <param name="Found">The value as a message names it.</param>
/// <param name="Hint">What to write instead; null when the expectation says it all.</param>
/// <param name="At">The part of the value that is wrong.</param>
internal sealed record ReadFault(string Rule, string Found, string? Hint, TextSpan At)
{
    public static ReadFault WrongType(SourceNode node, string? hint = null) => new(Rules.Type, node.Describe(), hint, node.At);
}

/// <summary>
/// What values of one type look like everywhere: in the sweep file, in JSON, in canonical text, in the schema, in messages.
/// A field is a place in a record plus one of these.
/// </summary>
internal abstract class FieldType<T>
{
    /// <summary>For the reference: <c>whole number</c>.</summary>
    public abstract string Name { get; }

    /// <summary>For the reference: <c>1 to 4,096</c>. May be empty.</summary>
    public abstract string Allowed { get; }

    /// <summary>Completes "must be": <c>a whole number from 1 to 4,096</c>.</summary>
    public abstract string Expectation { get; }

    public virtual NumberKind Number => NumberKind.None;

    public abstract bool TryRead(SourceNode node, [MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out ReadFault? fault);

    /// <summary>Canonical text, which <see cref="SourceNode.FromCanonical"/> and <see cref="TryRead"/> turn back into an equal value.</summary>
    public abstract string Display(T value);

    public abstract void WriteJson(Utf8JsonWriter json, T value);

    /// <summary>Writes the members of this type's JSON Schema into an open object.</summary>
    public abstract void WriteSchema(Utf8JsonWriter json);
}
