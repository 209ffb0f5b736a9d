using System.Text;
using System.Text.Json;
using Serilog.Events;
using Serilog.Formatting;

namespace Vae.Runtime.Logging;

/// <summary>One JSON object per event and line: <c>t</c> time, <c>l</c> level, <c>node</c>, <c>m</c> message, <c>x</c> exception, then the event's properties.</summary>
internal sealed class JsonLineFormatter(string node) : ITextFormatter
{
    private static readonly string[] OwnNames = ["t", "l", "node", "m", "x"];

    public void Format(LogEvent logEvent, TextWriter output)
    {
        using var buffer = new MemoryStream(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("t", logEvent.Timestamp.UtcDateTime);
            json.WriteString("l", logEvent.Level.ToString().ToLowerInvariant());
            json.WriteString("node", node);
            json.WriteString("m", logEvent.RenderMessage());
            if (logEvent.Exception is { } exception) json.WriteString("x", exception.ToString());
            foreach (var (name, value) in logEvent.Properties)
            {
                if (OwnNames.Contains(name)) continue;
                json.WritePropertyName(name);
                Write(json, value);
            }

            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    private static void Write(Utf8JsonWriter json, LogEventPropertyValue value)
    {
        switch ((value as ScalarValue)?.Value)
        {
            case long number: json.WriteNumberValue(number); break;
            case int number: json.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): json.WriteNumberValue(number); break; // JSON has no NaN; as text it stays visible.
            case bool flag: json.WriteBooleanValue(flag); break;
            case { } other: json.WriteStringValue(other.ToString()); break;
            default: json.WriteStringValue(value.ToString()); break;
        }
    }
}
