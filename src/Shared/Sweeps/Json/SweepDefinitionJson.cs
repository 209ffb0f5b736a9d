using System.Buffers;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>The JSON form of a whole sweep, for the store and for <c>--json</c>: keys as in the sweep file, every field written out, equal sweeps give equal bytes.</summary>
public static class SweepDefinitionJson
{
    public static byte[] WriteUtf8(SweepDefinition sweep, bool indented = false)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonBlock.Options(indented)))
        {
            json.WriteStartObject();
            json.WriteNumber("schema_version", TrialSpecJson.SchemaVersion);
            json.WriteNumber("version", sweep.Version);
            json.WriteString("name", sweep.Name);
            SweepFields.Dataset.WriteJson(json, sweep.Dataset);
            SweepFields.Model.WriteJson(json, sweep.Model);
            SweepFields.Training.WriteJson(json, sweep.Training);
            WriteSearch(json, sweep.Search);
            SweepFields.Objective.WriteJson(json, sweep.Objective);
            SweepFields.Resources.WriteJson(json, sweep.Resources);
            SweepFields.Budget.WriteJson(json, sweep.Budget);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="FormatException">A field is unknown, missing or out of its range, or the bytes are no JSON; the message says which.</exception>
    public static SweepDefinition Read(ReadOnlySpan<byte> utf8)
    {
        var file = new JsonBlock(JsonTree.Parse(utf8), "sweep");
        file.Version(TrialSpecJson.SchemaVersion);
        var version = file.Whole("version", 1, 1);
        var sweep = new SweepDefinition
        {
            Version = version,
            Name = file.Text("name"),
            Dataset = file.Section(SweepFields.Dataset),
            Model = file.Section(SweepFields.Model),
            Training = file.Section(SweepFields.Training),
            Search = ReadSearch(new JsonBlock(file.Read("search"), "search")),
            Objective = file.Section(SweepFields.Objective),
            Resources = file.Section(SweepFields.Resources),
            Budget = file.Section(SweepFields.Budget),
        };
        file.Close();
        return sweep;
    }

    private static void WriteSearch(Utf8JsonWriter json, SearchSpec search)
    {
        json.WriteStartObject("search");
        foreach (var field in SweepFields.Search.Fields) field.WriteJson(json, search);
        // A list, because an object's members have no order, and a grid's parameters do.
        json.WriteStartArray("parameters");
        foreach (var (path, domain) in search.Parameters)
        {
            json.WriteStartObject();
            json.WriteString("path", path);
            WriteDomain(json, domain);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteDomain(Utf8JsonWriter json, ParameterDomain domain)
    {
        string[] ends = domain switch
        {
            ParameterDomain.Uniform range => ["uniform", NumberText.Display(range.Low), NumberText.Display(range.High)],
            ParameterDomain.LogUniform range => ["log_uniform", NumberText.Display(range.Low), NumberText.Display(range.High)],
            ParameterDomain.IntUniform range => ["int_uniform", $"{range.Low}", $"{range.High}"],
            ParameterDomain.Values values => ["values", .. values.Items],
            _ => throw new ArgumentException($"No rule for {domain.GetType().Name}.", nameof(domain)),
        };
        json.WriteStartArray(ends[0]);
        foreach (var text in ends.AsSpan(1))
        {
            if (domain is ParameterDomain.Values) json.WriteStringValue(text);
            else json.WriteRawValue(text);
        }
        json.WriteEndArray();
    }

    private static SearchSpec ReadSearch(JsonBlock block)
    {
        var parameters = block.List("parameters").Select(ReadParameter).ToValueList();
        var search = SweepFields.Search.Fields.Aggregate(SweepFields.Search.Defaults, (spec, field) =>
            field.TryApply(spec, block.Read(field.Key), out var changed, out var fault) ? changed : throw new FormatException($"search.{field.Key} must be {field.Expectation}, but is {fault.Found}."));
        block.Close();
        return search with { Parameters = parameters };
    }

    private static SearchParameter ReadParameter(SourceNode node)
    {
        var block = new JsonBlock(node, "parameter");
        var path = block.Text("path");
        if (SearchField.Find(path) is not { } field) throw new FormatException($"There is no hyperparameter `{Quote.Plain(path)}`.");
        var domain = block.Has("values")
            ? new ParameterDomain.Values(block.List("values").Select(item => Canonical(field, item)).ToValueList())
            : ReadRange(block);
        block.Close();
        return new(path, domain);
    }

    private static ParameterDomain ReadRange(JsonBlock block)
    {
        if (block.Has("int_uniform"))
        {
            var (first, second) = Ends(block, "int_uniform", new WholeNumber<long>(long.MinValue, long.MaxValue));
            return new ParameterDomain.IntUniform(first, second);
        }
        var logarithmic = block.Has("log_uniform");
        var (low, high) = Ends(block, logarithmic ? "log_uniform" : "uniform", new RealNumber(double.MinValue, double.MaxValue));
        return logarithmic ? new ParameterDomain.LogUniform(low, high) : new ParameterDomain.Uniform(low, high);
    }

    private static (T Low, T High) Ends<T>(JsonBlock block, string key, FieldType<T> type)
        where T : IComparable<T>
    {
        if (block.List(key) is not [var first, var second]) throw new FormatException($"{key} must have two ends.");
        if (!type.TryRead(first, out var low, out var fault) || !type.TryRead(second, out var high, out fault)) throw new FormatException($"{key} must have numbers, but has {fault.Found}.");
        return low.CompareTo(high) < 0 ? (low, high) : throw new FormatException($"{key} must have its lower end first.");
    }

    private static string Canonical(SearchField field, SourceNode item)
    {
        if (item is SourceNode.Scalar { Quoted: true } scalar && field.TryCanonical(SourceNode.FromCanonical(scalar.Text), out var text, out _)) return text;
        throw new FormatException($"{field.Path} must be {field.Expectation}, but a value is {item.Describe()}.");
    }
}
