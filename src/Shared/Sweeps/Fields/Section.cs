using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>A block of keys that becomes one record: reading, writing and describing it follow from its fields.</summary>
internal sealed class Section<TSpec>(string name, string doc, TSpec defaults, params Field<TSpec>[] fields)
{
    public string Name { get; } = name;

    public string Doc { get; } = doc;

    public TSpec Defaults { get; } = defaults;

    public IReadOnlyList<Field<TSpec>> Fields { get; } = fields;

    public Field<TSpec>? Find(string key) => Fields.FirstOrDefault(field => field.Key == key);

    public string PathOf(Field<TSpec> field) => Name.Length == 0 ? field.Key : $"{Name}.{field.Key}";

    public IEnumerable<FieldInfo> Describe(bool searchable) => Fields.Select(field =>
        new FieldInfo(Name, field.Key, field.Type, field.Allowed, field.Required ? null : field.Display(Defaults), field.Doc, searchable));

    /// <summary>Reads a block; every fault goes to <paramref name="context"/> and leaves the field's default.</summary>
    /// <param name="node">The block; null where the file has none.</param>
    /// <param name="at">Where to point when a required key is missing.</param>
    /// <param name="others">Keys of the block that someone else reads.</param>
    /// <param name="context">Takes problems and places.</param>
    public TSpec Read(SourceNode? node, TextSpan at, ReadContext context, params ReadOnlySpan<string> others)
    {
        var spec = Defaults;
        var entries = context.Block(node, Name);
        foreach (var (key, value) in entries)
        {
            if (others.Contains(key.Text)) continue;
            if (Find(key.Text) is { } field) spec = Apply(spec, field, value, context);
            else context.Add(key.At, Rules.UnknownKey, $"unknown key `{Quote.Plain(key.Text)}`{(Name.Length == 0 ? "" : $" in {Name}")}", context.IsFull ? null : KeyHint(key.Text, others.ToArray()));
        }
        foreach (var field in Fields.Where(field => field.Required && !entries.Any(entry => entry.Key.Text == field.Key)))
        {
            context.Add(at, Rules.MissingKey, $"`{PathOf(field)}` is missing", $"add `{field.Key}:` with {field.Expectation}");
        }
        return spec;
    }

    public void WriteJson(Utf8JsonWriter json, TSpec spec)
    {
        json.WriteStartObject(Name);
        foreach (var field in Fields) field.WriteJson(json, spec);
        json.WriteEndObject();
    }

    /// <summary>Writes a JSON Schema's members for this block into an open object.</summary>
    public void WriteSchema(Utf8JsonWriter json)
    {
        foreach (var field in Fields)
        {
            json.WriteStartObject(field.Key);
            json.WriteString("description", field.Doc);
            field.WriteSchema(json);
            if (!field.Required) json.WriteString("x-default", field.Display(Defaults));
            json.WriteEndObject();
        }
    }

    private TSpec Apply(TSpec spec, Field<TSpec> field, SourceNode value, ReadContext context)
    {
        context.Place(PathOf(field), value.At);
        if (value is SourceNode.Broken) return spec;
        if (field.TryApply(spec, value, out var changed, out var fault)) return changed;
        context.AddFault(PathOf(field), field.Expectation, fault);
        return spec;
    }

    private string KeyHint(string key, string[] others)
    {
        if (Fields.FirstOrDefault(field => field.Aliases.Contains(key, StringComparer.OrdinalIgnoreCase)) is { } same) return $"did you mean `{same.Key}`?";
        string[] keys = [.. Fields.Select(field => field.Key), .. others];
        if (Suggest.Closest(key, keys) is { } close) return $"did you mean `{close}`?";
        if (Fields.FirstOrDefault(field => Suggest.Closest(key, field.Aliases) is not null) is { } alike) return $"did you mean `{alike.Key}`?";
        if (SweepFields.FindByKey(key) is { } elsewhere) return $"did you mean `{elsewhere.Path}`?";
        return $"the keys here are {string.Join(", ", keys)}";
    }
}
