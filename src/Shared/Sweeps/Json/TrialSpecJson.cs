using System.Buffers;
using System.Text;
using System.Text.Json;
using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>
/// The JSON form of a trial: what travels to a worker, and what <c>config.json</c> beside a model holds. Keys are those of the sweep
/// file, every field is written out, and equal trials give equal bytes.
/// </summary>
public static class TrialSpecJson
{
    /// <summary>Grows when a reader of the old form would misread the new one.</summary>
    public const int SchemaVersion = 1;

    /// <summary>The compact form without a data set, for the wire.</summary>
    public static byte[] WriteUtf8(TrialSpec trial) => Write(trial, dataset: null, indented: false);

    /// <summary>The form for people, with a newline at the end: the content of <c>config.json</c>.</summary>
    public static string WriteConfig(TrialSpec trial, DatasetSource dataset) => Encoding.UTF8.GetString(Write(trial, dataset, indented: true)) + "\n";

    /// <summary>Reads either form. A data set, where there is one, is checked too.</summary>
    /// <exception cref="FormatException">A field is unknown, missing or out of its range, or the bytes are no JSON; the message says which.</exception>
    public static TrialSpec Read(ReadOnlySpan<byte> utf8) => ReadConfig(utf8).Trial;

    /// <summary>Reads either form with its data set, null where there is none.</summary>
    /// <inheritdoc cref="Read"/>
    public static (TrialSpec Trial, DatasetSource? Dataset) ReadConfig(ReadOnlySpan<byte> utf8)
    {
        var file = new JsonBlock(JsonTree.Parse(utf8), "trial");
        file.Version(SchemaVersion);
        var trial = new TrialSpec
        {
            Index = file.Whole("index", 0, int.MaxValue),
            Assignments = file.List("assignments").Select(Assignment).ToValueList(),
            Model = file.Section(SweepFields.Model),
            Training = file.Section(SweepFields.Training),
        };
        var dataset = file.Has(SweepFields.Dataset.Name) ? file.Section(SweepFields.Dataset) : null;
        file.Skip("label");
        file.Close();
        return (trial, dataset);
    }

    private static byte[] Write(TrialSpec trial, DatasetSource? dataset, bool indented)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonBlock.Options(indented)))
        {
            json.WriteStartObject();
            json.WriteNumber("schema_version", SchemaVersion);
            json.WriteNumber("index", trial.Index);
            json.WriteString("label", trial.Label);
            json.WriteStartArray("assignments");
            foreach (var (path, value) in trial.Assignments)
            {
                json.WriteStartObject();
                json.WriteString("path", path);
                json.WriteString("value", value);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            SweepFields.Model.WriteJson(json, trial.Model);
            SweepFields.Training.WriteJson(json, trial.Training);
            if (dataset is not null) SweepFields.Dataset.WriteJson(json, dataset);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static Assignment Assignment(SourceNode node)
    {
        var item = new JsonBlock(node, "assignment");
        var result = new Assignment(item.Text("path"), item.Text("value"));
        item.Close();
        return result;
    }
}
