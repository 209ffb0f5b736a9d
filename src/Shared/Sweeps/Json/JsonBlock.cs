using System.Text.Encodings.Web;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>Reads the members of one JSON object by name and, at the end, refuses those that nobody asked for.</summary>
internal sealed class JsonBlock
{
    private readonly Dictionary<string, SourceNode> _members;
    private readonly string _what;

    public JsonBlock(SourceNode node, string what)
    {
        _what = what;
        _members = node is SourceNode.Mapping mapping
            ? mapping.Entries.ToDictionary(entry => entry.Key.Text, entry => entry.Value, StringComparer.Ordinal)
            : throw new FormatException($"A {what} must be an object, but is {node.Describe()}.");
    }

    /// <summary>Our own readable JSON: no escapes for characters that only matter inside HTML.</summary>
    public static JsonWriterOptions Options(bool indented) => new() { Indented = indented, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public bool Has(string key) => _members.ContainsKey(key);

    public void Skip(string key) => _members.Remove(key);

    public void Version(int known)
    {
        var version = Whole("schema_version", 1, int.MaxValue);
        if (version != known) throw new FormatException($"The {_what} has schema_version {version}; this program reads {known}.");
    }

    public int Whole(string key, int min, int max) => Read(key, new WholeNumber<int>(min, max));

    public string Text(string key) =>
        Take(key) is SourceNode.Scalar { Quoted: true } scalar ? scalar.Text : throw new FormatException($"{_what}.{key} must be text.");

    public IReadOnlyList<SourceNode> List(string key) =>
        Take(key) is SourceNode.Sequence list ? list.Items : throw new FormatException($"{_what}.{key} must be a list.");

    public T Read<T>(string key, FieldType<T> type)
    {
        var node = Take(key);
        return type.TryRead(node, out var value, out var fault) ? value : throw new FormatException($"{_what}.{key} must be {type.Expectation}, but is {fault.Found}.");
    }

    /// <summary>Reads a section by its fields; fields that are not there keep their defaults.</summary>
    public TSpec Section<TSpec>(Section<TSpec> section)
    {
        var context = new ReadContext();
        var spec = section.Read(Take(section.Name), TextSpan.None, context);
        return context.Sorted() is [var first, ..] ? throw new FormatException($"{first.Message}.") : spec;
    }

    public void Close()
    {
        foreach (var key in _members.Keys) throw new FormatException($"A {_what} has no `{Quote.Plain(key)}`.");
    }

    public SourceNode Read(string key) => Take(key);

    private SourceNode Take(string key) => _members.Remove(key, out var node) ? node : throw new FormatException($"A {_what} lacks `{key}`.");
}
