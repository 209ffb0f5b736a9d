using System.Globalization;
using System.Text.Json;
using Vae.Cli.Terminal;
using Vae.Models.Evaluation;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Reports;

/// <summary>What was measured on a model, and on which rows.</summary>
/// <param name="Model">As the user named it.</param>
/// <param name="Kind">For people: family, architecture, latents, likelihood.</param>
/// <param name="Rows">For people: which rows.</param>
/// <param name="RowCount">How many.</param>
/// <param name="Binarize">How grey values became bits.</param>
/// <param name="Seed">Of all draws.</param>
/// <param name="Metrics">The figures.</param>
/// <param name="RatePerDimension">Mean KL by latent dimension, in nats; empty where the prior does not come apart.</param>
/// <param name="Diagnosis">Posterior collapse in words; null where nothing can be told.</param>
/// <param name="Skipped">What could not be computed, and why.</param>
internal sealed record EvaluationReport(
    string Model, string Kind, string Rows, int RowCount, string Binarize, ulong Seed, IReadOnlyList<Measured> Metrics, IReadOnlyList<double> RatePerDimension, CollapseDiagnosis? Diagnosis,
    IReadOnlyList<string> Skipped)
{
    /// <summary>Of a ladder, data side first; empty for others.</summary>
    public IReadOnlyList<LatentLayer> Layers { get; init; } = [];

    public void WriteText(Output output)
    {
        output.Line($"model      {Model} ({Kind})");
        output.Line($"rows       {Rows}");
        output.Line(string.Create(CultureInfo.InvariantCulture, $"pixels     binarize {Binarize}; seed {Seed} of all draws"));
        output.Line();
        var table = new TextTable(new("metric"), Right("value"), Right("+-"), new("unit"), new("how"));
        foreach (var metric in Metrics) table.Add(metric.Name, Number(metric.Value, metric.Unit), metric.StandardError is { } error ? Number(error, metric.Unit) : "", metric.Unit, metric.Remark);
        table.WriteTo(output.Results, output.Mode with { ColorOn = false });
        output.Line();
        output.Line("+- is one standard error of a mean over rows like these.");
        if (Diagnosis is { } diagnosis) output.Line($"diagnosis  {diagnosis.Text}");
        if (Layers.Count > 0) output.Line($"rate by layer, nats, data side first: {string.Join(", ", Layers.Select(layer => string.Create(CultureInfo.InvariantCulture, $"{layer.Name} {layer.Rate:0.00} ({layer.Units - layer.Inactive} of {layer.Units} units)")))}");
        if (RatePerDimension.Count > 0) output.Line($"rate by dimension, nats, largest first: {string.Join(' ', RatePerDimension.OrderDescending().Select(rate => rate.ToString("0.00", CultureInfo.InvariantCulture)))}");
        foreach (var skipped in Skipped) output.Note(skipped);
    }

    public void WriteJson(Output output) => output.Json("model_evaluation", Write);

    private void Write(Utf8JsonWriter json)
    {
        json.WriteString("model", Model);
        json.WriteString("kind", Kind);
        json.WriteNumber("rows", RowCount);
        json.WriteString("rows_text", Rows);
        json.WriteString("binarize", Binarize);
        json.WriteNumber("seed", Seed);
        json.WriteStartArray("metrics");
        foreach (var metric in Metrics)
        {
            json.WriteStartObject();
            json.WriteString("name", metric.Name);
            json.WriteFinite("value", metric.Value);
            if (metric.StandardError is { } error) json.WriteFinite("standard_error", error);
            else json.WriteNull("standard_error");
            json.WriteString("unit", metric.Unit);
            json.WriteString("how", metric.Remark);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("rate_per_dimension");
        foreach (var rate in RatePerDimension)
        {
            if (double.IsFinite(rate)) json.WriteNumberValue(rate);
            else json.WriteNullValue();
        }

        json.WriteEndArray();
        json.WriteStartArray("rate_per_layer");
        foreach (var layer in Layers)
        {
            json.WriteStartObject();
            json.WriteString("layer", layer.Name);
            json.WriteFinite("rate", layer.Rate);
            json.WriteNumber("inactive_units", layer.Inactive);
            json.WriteNumber("units", layer.Units);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (Diagnosis is { } diagnosis)
        {
            json.WriteStartObject("diagnosis");
            json.WriteString("level", diagnosis.Level.ToString().ToLowerInvariant());
            json.WriteNumber("inactive_units", diagnosis.Inactive);
            json.WriteNumber("units", diagnosis.Units);
            json.WriteString("text", diagnosis.Text);
            json.WriteStartArray("remedies");
            foreach (var remedy in diagnosis.Remedies) json.WriteStringValue(remedy);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteStartArray("skipped");
        foreach (var skipped in Skipped) json.WriteStringValue(skipped);
        json.WriteEndArray();
    }

    private static string Number(double value, string unit) => value.ToString(unit.StartsWith("of ", StringComparison.Ordinal) ? "0" : unit.StartsWith("nats", StringComparison.Ordinal) ? "0.00" : "0.0000", CultureInfo.InvariantCulture);

    private static TextTable.Column Right(string title) => new(title, TextTable.Align.Right);
}
