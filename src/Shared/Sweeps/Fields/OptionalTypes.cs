using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>A value type that may be left out; a word of its own says so where the absence has a meaning.</summary>
internal sealed class OptionalValue<T>(FieldType<T> inner, string word) : FieldType<T?>
    where T : struct
{
    public override string Name => inner.Name;

    public override string Allowed => $"{inner.Allowed}, or `{word}`";

    public override string Expectation => $"{inner.Expectation}, or `{word}`";

    public override NumberKind Number => inner.Number;

    public override bool TryRead(SourceNode node, out T? value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = null;
        fault = null;
        if (OptionalText.IsAbsent(node, word)) return true;
        if (!inner.TryRead(node, out var present, out fault)) return false;
        value = present;
        return true;
    }

    public override string Display(T? value) => value is { } present ? inner.Display(present) : word;

    public override void WriteJson(Utf8JsonWriter json, T? value)
    {
        if (value is { } present) inner.WriteJson(json, present);
        else json.WriteNullValue();
    }

    public override void WriteSchema(Utf8JsonWriter json) => OptionalText.WriteSchema(json, inner, word);
}

/// <summary><see cref="OptionalValue{T}"/> for reference types.</summary>
internal sealed class OptionalObject<T>(FieldType<T> inner, string word) : FieldType<T?>
    where T : class
{
    public override string Name => inner.Name;

    public override string Allowed => $"{inner.Allowed}, or `{word}`";

    public override string Expectation => $"{inner.Expectation}, or `{word}`";

    public override bool TryRead(SourceNode node, out T? value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = null;
        fault = null;
        return OptionalText.IsAbsent(node, word) || inner.TryRead(node, out value, out fault);
    }

    public override string Display(T? value) => value is null ? word : inner.Display(value);

    public override void WriteJson(Utf8JsonWriter json, T? value)
    {
        if (value is null) json.WriteNullValue();
        else inner.WriteJson(json, value);
    }

    public override void WriteSchema(Utf8JsonWriter json) => OptionalText.WriteSchema(json, inner, word);
}

internal static class OptionalText
{
    // A key with nothing behind it is more often a slip than a wish, so only the word or an explicit null counts.
    public static bool IsAbsent(SourceNode node, string word) =>
        node is SourceNode.Scalar scalar && (scalar.Text == word || (scalar.IsNull && scalar.Text.Length > 0));

    public static void WriteSchema<T>(Utf8JsonWriter json, FieldType<T> inner, string word)
    {
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        inner.WriteSchema(json);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteStartArray("enum");
        json.WriteStringValue(word);
        json.WriteNullValue();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }
}
