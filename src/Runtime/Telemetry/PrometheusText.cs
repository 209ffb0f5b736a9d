using System.Buffers;
using System.Globalization;
using System.Text;

namespace Vae.Runtime.Telemetry;

/// <summary>The Prometheus text exposition format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void WriteHeader(IBufferWriter<byte> output, string name, string help, MetricKind kind)
    {
        var type = kind switch { MetricKind.Counter => "counter", MetricKind.Gauge => "gauge", _ => "histogram" };
        Write(output, $"# HELP {name} {Escape(help, quotes: false)}\n# TYPE {name} {type}\n");
    }

    /// <param name="output">Receives the line.</param>
    /// <param name="name">The family's name.</param>
    /// <param name="suffix"><c>_bucket</c>, <c>_sum</c>, <c>_count</c> or nothing.</param>
    /// <param name="labels">As made by <see cref="Labels"/>.</param>
    /// <param name="bucket">Upper bound of a bucket, which becomes the label <c>le</c>.</param>
    /// <param name="value">The sample.</param>
    public static void WriteSample(IBufferWriter<byte> output, string name, string suffix, string labels, double? bucket, double value)
    {
        var le = bucket is { } bound ? $"le=\"{Number(bound)}\"" : "";
        var all = labels.Length > 0 && le.Length > 0 ? $"{labels},{le}" : labels + le;
        Write(output, all.Length > 0 ? $"{name}{suffix}{{{all}}} {Number(value)}\n" : $"{name}{suffix} {Number(value)}\n");
    }

    public static string Labels(IReadOnlyList<string> names, ReadOnlySpan<string> values)
    {
        var text = new StringBuilder();
        for (var i = 0; i < names.Count; i++) text.Append(i > 0 ? "," : "").Append(names[i]).Append("=\"").Append(Escape(values[i], quotes: true)).Append('"');
        return text.ToString();
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ when double.IsNaN(value) => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string Escape(string text, bool quotes)
    {
        var escaped = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }

    private static void Write(IBufferWriter<byte> output, string text) => Encoding.UTF8.GetBytes(text, output);
}
