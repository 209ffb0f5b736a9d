using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>The JSON Schema of the sweep file, for editors. It is the checked-in <c>docs/sweep.schema.json</c>, which a test keeps current.</summary>
public static class SweepSchema
{
    /// <returns>Indented JSON with a newline at the end.</returns>
    public static string Write()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonBlock.Options(indented: true)))
        {
            json.WriteStartObject();
            json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
            json.WriteString("title", "Vae.Distributed sweep file, version 1");
            json.WriteString("type", "object");
            Required(json, "version", "name", "dataset");
            json.WriteBoolean("additionalProperties", false);
            json.WriteStartObject("properties");
            SweepFields.Head.WriteSchema(json);
            Block(json, SweepFields.Dataset);
            Block(json, SweepFields.Model);
            Block(json, SweepFields.Training);
            Search(json);
            Block(json, SweepFields.Objective);
            Block(json, SweepFields.Resources);
            Block(json, SweepFields.Budget);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static void Block<TSpec>(Utf8JsonWriter json, Section<TSpec> section)
    {
        Open(json, section);
        section.WriteSchema(json);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Open<TSpec>(Utf8JsonWriter json, Section<TSpec> section)
    {
        json.WriteStartObject(section.Name);
        json.WriteString("description", section.Doc);
        json.WriteString("type", "object");
        Required(json, [.. section.Fields.Where(field => field.Required).Select(field => field.Key)]);
        json.WriteBoolean("additionalProperties", false);
        json.WriteStartObject("properties");
    }

    private static void Search(Utf8JsonWriter json)
    {
        Open(json, SweepFields.Search);
        SweepFields.Search.WriteSchema(json);
        json.WriteStartObject("parameters");
        json.WriteString("type", "object");
        json.WriteNumber("minProperties", 1);
        json.WriteBoolean("additionalProperties", false);
        json.WriteStartObject("properties");
        foreach (var field in SweepFields.Model.Fields) Domain(json, SweepFields.Model.PathOf(field), field);
        foreach (var field in SweepFields.Training.Fields) Domain(json, SweepFields.Training.PathOf(field), field);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Domain<TSpec>(Utf8JsonWriter json, string path, Field<TSpec> field)
    {
        json.WriteStartObject(path);
        json.WriteString("description", field.Doc);
        json.WriteString("type", "object");
        json.WriteNumber("minProperties", 1);
        json.WriteNumber("maxProperties", 1);
        json.WriteBoolean("additionalProperties", false);
        json.WriteStartObject("properties");
        json.WriteStartObject("values");
        json.WriteString("type", "array");
        json.WriteNumber("minItems", 1);
        json.WriteBoolean("uniqueItems", true);
        json.WriteStartObject("items");
        field.WriteSchema(json);
        json.WriteEndObject();
        json.WriteEndObject();
        if (field.Number == NumberKind.Real) Ends(json, "uniform", "number");
        if (field.Number == NumberKind.Real) Ends(json, "log_uniform", "number");
        if (field.Number != NumberKind.None) Ends(json, "int_uniform", "integer");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Ends(Utf8JsonWriter json, string kind, string type)
    {
        json.WriteStartObject(kind);
        json.WriteString("type", "array");
        json.WriteNumber("minItems", 2);
        json.WriteNumber("maxItems", 2);
        json.WriteStartObject("items");
        json.WriteString("type", type);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Required(Utf8JsonWriter json, params string[] keys)
    {
        if (keys.Length == 0) return;
        json.WriteStartArray("required");
        foreach (var key in keys) json.WriteStringValue(key);
        json.WriteEndArray();
    }
}
