using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>One word of an enumeration, written in snake_case.</summary>
internal sealed class Choice<T> : FieldType<T>
    where T : struct, Enum
{
    private readonly FrozenDictionary<string, T> _byWord = Enum.GetValues<T>().ToFrozenDictionary(Word, StringComparer.Ordinal);

    // Words that other systems or later versions know: the message says so, where "did you mean" would mislead.
    private readonly string[] _unavailable;

    public Choice(params string[] unavailable) => _unavailable = unavailable;

    public static IReadOnlyList<string> Words { get; } = [.. Enum.GetValues<T>().Select(Word)];

    public override string Name => "word";

    public override string Allowed => string.Join(", ", Words);

    public override string Expectation => Words.Count == 1 ? $"`{Words[0]}`" : $"one of {Allowed}";

    public override bool TryRead(SourceNode node, out T value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = default;
        fault = null;
        if (node is not SourceNode.Scalar { IsNull: false } scalar) fault = ReadFault.WrongType(node);
        else if (!_byWord.TryGetValue(scalar.Text, out value))
        {
            fault = _unavailable.Contains(scalar.Text)
                ? new(Rules.NotAvailable, $"{node.Describe()}, which is not available in this version", $"use {string.Join(" or ", Words)}", node.At)
                : new(Rules.Choice, node.Describe(), Suggest.Sentence(scalar.Text, Words), node.At);
        }
        return fault is null;
    }

    public override string Display(T value) => Word(value);

    public override void WriteJson(Utf8JsonWriter json, T value) => json.WriteStringValue(Word(value));

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("enum");
        foreach (var word in Words) json.WriteStringValue(word);
        json.WriteEndArray();
    }

    /// <returns><c>LeakyRelu</c> as <c>leaky_relu</c>; <c>AdamW</c> as <c>adamw</c>, as its paper writes it.</returns>
    public static string Word(T value)
    {
        var name = value.ToString();
        var word = new StringBuilder(name.Length + 2);
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]) && i + 1 < name.Length) word.Append('_');
            word.Append(char.ToLowerInvariant(name[i]));
        }
        return word.ToString();
    }
}

/// <summary>The words of the sweep file for values of its enumerations.</summary>
public static class SpecWord
{
    /// <returns>For example <c>discretised_logistic</c>.</returns>
    public static string Of<T>(T value) where T : struct, Enum => Choice<T>.Word(value);
}

/// <summary>Text of one line that a rule accepts.</summary>
internal sealed class TextValue(string name, string allowed, string expectation, int lengthMax, Func<string, bool> accepts, string? pattern = null) : FieldType<string>
{
    public override string Name => name;

    public override string Allowed => allowed;

    public override string Expectation => expectation;

    public override bool TryRead(SourceNode node, [MaybeNullWhen(false)] out string value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = null;
        fault = null;
        if (node is not SourceNode.Scalar { IsNull: false } scalar) fault = ReadFault.WrongType(node);
        else if (scalar.Text.Length == 0 || scalar.Text.Length > lengthMax || scalar.Text.Any(char.IsControl) || !accepts(scalar.Text))
        {
            fault = new(Rules.Range, node.Describe(), null, node.At);
        }
        else value = scalar.Text;
        return fault is null;
    }

    public override string Display(string value) => value;

    public override void WriteJson(Utf8JsonWriter json, string value) => json.WriteStringValue(value);

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "string");
        json.WriteNumber("minLength", 1);
        json.WriteNumber("maxLength", lengthMax);
        if (pattern is not null) json.WriteString("pattern", pattern);
    }
}

/// <summary>One of a few fixed texts that no enumeration holds.</summary>
internal sealed class OneOf(IReadOnlyList<string> words) : FieldType<string>
{
    public override string Name => "word";

    public override string Allowed => string.Join(", ", words);

    public override string Expectation => $"one of {Allowed}";

    public override bool TryRead(SourceNode node, [MaybeNullWhen(false)] out string value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = (node as SourceNode.Scalar)?.Text;
        fault = null;
        if (node is not SourceNode.Scalar { IsNull: false } scalar) fault = ReadFault.WrongType(node);
        else if (!words.Contains(scalar.Text)) fault = new(Rules.Choice, node.Describe(), Suggest.Sentence(scalar.Text, words), node.At);
        return fault is null;
    }

    public override string Display(string value) => value;

    public override void WriteJson(Utf8JsonWriter json, string value) => json.WriteStringValue(value);

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("enum");
        foreach (var word in words) json.WriteStringValue(word);
        json.WriteEndArray();
    }
}
