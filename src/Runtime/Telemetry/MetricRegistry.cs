using System.Buffers;
using System.Diagnostics.Metrics;

namespace Vae.Runtime.Telemetry;

/// <summary>What a metric is, as Prometheus sees it.</summary>
public enum MetricKind
{
    /// <summary>Only grows; its name ends in <c>_total</c>.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts observations in buckets.</summary>
    Histogram,
}

/// <summary>
/// Collects the instruments of one <see cref="Meter"/> and keeps their sums, so that they can be written as Prometheus text. Instruments stay the
/// library's own: whoever prefers OTLP listens to the same meter.
/// </summary>
public sealed class MetricRegistry : IDisposable
{
    // No label takes unbounded values; this stops a mistake from filling the memory before somebody sees it.
    private const int SeriesMax = 2_000;

    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();

    /// <param name="meter">The meter to collect. Its instruments are made by <see cref="VaeMetrics"/>.</param>
    public MetricRegistry(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == meter && _families.TryGetValue(instrument.Name, out var family)) listener.EnableMeasurementEvents(instrument, family);
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
    }

    /// <summary>Declares a family before its instrument is made.</summary>
    internal MetricFamily Declare(string name, string help, MetricKind kind, IReadOnlyList<string> labels, IReadOnlyList<double>? buckets = null)
    {
        var family = new MetricFamily(name, help, kind, labels, buckets ?? [], SeriesMax);
        if (labels.Count == 0) family.Create();
        lock (_collecting) _families.Add(name, family);
        return family;
    }

    internal MetricFamily Find(string name) => _families[name];

    internal void Start() => _listener.Start();

    /// <summary>Writes everything in the Prometheus text format 0.0.4.</summary>
    public void Write(IBufferWriter<byte> output)
    {
        lock (_collecting)
        {
            foreach (var family in _families.Values) family.BeginCollection();
            _listener.RecordObservableInstruments();
            foreach (var family in _families.Values) family.Write(output);
        }
    }

    /// <summary>Stops collecting.</summary>
    public void Dispose() => _listener.Dispose();
}
