using System.Buffers;

namespace Vae.Runtime.Telemetry;

/// <summary>One metric with all its label values.</summary>
internal sealed class MetricFamily(string name, string help, MetricKind kind, IReadOnlyList<string> labels, IReadOnlyList<double> buckets, int seriesMax)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Series> _series = new(StringComparer.Ordinal);

    private sealed class Series(int buckets)
    {
        public long[] Counts { get; } = new long[buckets];

        public double Value { get; set; }

        public long Observations { get; set; }
    }

    /// <summary>True for instruments that are asked for their values: each collection starts anew, so a label value that is gone disappears.</summary>
    public bool Observed { get; set; }

    /// <summary>Makes the series of these label values at zero, so that a rate can be taken from its first event on.</summary>
    public void Create(params ReadOnlySpan<string> values)
    {
        lock (_lock) Find(Key(values));
    }

    /// <summary>Sets a gauge.</summary>
    public void Set(double value, params ReadOnlySpan<string> values)
    {
        lock (_lock)
        {
            if (Find(Key(values)) is { } series) series.Value = value;
        }
    }

    /// <summary>Drops the series of these label values.</summary>
    public void Remove(params ReadOnlySpan<string> values)
    {
        lock (_lock) _series.Remove(Key(values));
    }

    public void BeginCollection()
    {
        if (!Observed) return;
        lock (_lock) _series.Clear();
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            if (Find(KeyOf(tags)) is not { } series) return;
            switch (kind)
            {
                case MetricKind.Counter when Observed: series.Value = value; break;
                case MetricKind.Counter: series.Value += value; break;
                case MetricKind.Gauge: series.Value = value; break;
                default: Observe(series, value); break;
            }
        }
    }

    public void Write(IBufferWriter<byte> output)
    {
        lock (_lock)
        {
            if (_series.Count == 0 && labels.Count > 0 && Observed) return;
            PrometheusText.WriteHeader(output, name, help, kind);
            foreach (var (key, series) in _series) Write(output, key, series);
        }
    }

    private void Write(IBufferWriter<byte> output, string key, Series series)
    {
        if (kind is MetricKind.Counter or MetricKind.Gauge)
        {
            PrometheusText.WriteSample(output, name, "", key, null, series.Value);
            return;
        }

        WriteBuckets(output, key, series);
        PrometheusText.WriteSample(output, name, "_sum", key, null, series.Value);
        PrometheusText.WriteSample(output, name, "_count", key, null, series.Observations);
    }

    private void WriteBuckets(IBufferWriter<byte> output, string key, Series series)
    {
        var below = 0L;
        for (var i = 0; i < buckets.Count; i++)
        {
            below += series.Counts[i];
            PrometheusText.WriteSample(output, name, "_bucket", key, buckets[i], below);
        }

        PrometheusText.WriteSample(output, name, "_bucket", key, double.PositiveInfinity, series.Observations);
    }

    private void Observe(Series series, double value)
    {
        series.Value += value;
        series.Observations++;
        for (var i = 0; i < buckets.Count; i++)
        {
            if (value > buckets[i]) continue;
            series.Counts[i]++;
            return;
        }
    }

    private Series? Find(string key)
    {
        if (_series.TryGetValue(key, out var series)) return series;
        if (_series.Count >= seriesMax) return null;
        _series.Add(key, series = new(buckets.Count));
        return series;
    }

    private string KeyOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (labels.Count == 0) return "";
        var values = new string[labels.Count];
        for (var i = 0; i < labels.Count; i++)
        {
            values[i] = "";
            foreach (var tag in tags)
            {
                if (tag.Key == labels[i]) values[i] = tag.Value?.ToString() ?? "";
            }
        }

        return Key(values);
    }

    private string Key(ReadOnlySpan<string> values)
    {
        if (values.Length != labels.Count) throw new ArgumentException($"{name} has {labels.Count} labels, not {values.Length}.");
        return PrometheusText.Labels(labels, values);
    }
}
