using System.Globalization;
using System.Text;
using System.Text.Json;
using Vae.Cli.Models;
using Vae.Cli.Terminal;
using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Cli.Commands.Model;

/// <summary>The scores of some rows as text, CSV and JSON.</summary>
/// <param name="Rows">What was scored.</param>
/// <param name="Scores">In the order of the rows.</param>
/// <param name="Threshold">Nats; what scores higher is an anomaly.</param>
/// <param name="Anomalous">Labels that are known to be anomalies, or none.</param>
internal sealed record AnomalyReport(InputRows Rows, AnomalyScores Scores, double Threshold, IReadOnlySet<int> Anomalous)
{
    /// <summary>Rows whose score is above the threshold.</summary>
    public int Found => Scores.Total.Count(score => score > Threshold);

    /// <summary>The rows of the highest scores, strangest first; a score that is not finite is no score.</summary>
    public int[] Strangest(int count) => [.. Enumerable.Range(0, Rows.Count).Where(row => double.IsFinite(Scores.Total[row])).OrderByDescending(row => Scores.Total[row]).Take(count)];

    public void WriteText(Output output, string file, string? table, int top)
    {
        var text = new TextTable(new("row", TextTable.Align.Right), new("label", TextTable.Align.Right), new("total", TextTable.Align.Right), new("distortion", TextTable.Align.Right), new("rate", TextTable.Align.Right), new("above"));
        foreach (var row in Strangest(top))
        {
            text.Add($"{row}", $"{Rows.Label(row)}", Number(Scores.Total[row]), Number(Scores.Distortion[row]), Number(Scores.Rate[row]), Scores.Total[row] > Threshold ? "yes" : "");
        }

        text.WriteTo(output.Results);
        output.Line($"{Found:N0} of {Rows.Count:N0} images score above {Number(Threshold)} nats");
        foreach (var (name, area) in Areas()) output.Line($"AUROC by {name}: {area.ToString("F4", CultureInfo.InvariantCulture)}");
        output.Line($"{file}: input, reconstruction and heat map of the strangest{(table is null ? "" : $"; {table}: all scores")}");

        static string Number(double value) => value.ToString("F2", CultureInfo.InvariantCulture);
    }

    public void WriteJson(Utf8JsonWriter json, string file, string? table)
    {
        json.WriteString("file", Path.GetFullPath(file));
        if (table is not null) json.WriteString("scores_file", Path.GetFullPath(table));
        json.WriteNumber("images", Rows.Count);
        json.WriteFinite("threshold", Threshold);
        json.WriteNumber("above", Found);
        foreach (var (name, area) in Areas()) json.WriteNumber($"auroc_{name}", area);
        json.WriteStartArray("scores");
        for (var row = 0; row < Rows.Count; row++)
        {
            json.WriteStartObject();
            json.WriteNumber("row", row);
            if (Rows.Label(row) is { } label) json.WriteNumber("label", label);
            json.WriteFinite("total", Scores.Total[row]);
            json.WriteFinite("distortion", Scores.Distortion[row]);
            json.WriteFinite("rate", Scores.Rate[row]);
            json.WriteBoolean("above", Scores.Total[row] > Threshold);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public void WriteCsv(Stream target)
    {
        using var text = new StreamWriter(target, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        text.WriteLine(Rows.HasLabels ? "row,label,total,distortion,rate,above" : "row,total,distortion,rate,above");
        for (var row = 0; row < Rows.Count; row++)
        {
            var label = Rows.Label(row) is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known},") : "";
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row},{label}{Scores.Total[row]:R},{Scores.Distortion[row]:R},{Scores.Rate[row]:R},{(Scores.Total[row] > Threshold ? 1 : 0)}"));
        }
    }

    private IEnumerable<(string Name, double Area)> Areas()
    {
        if (Anomalous.Count == 0) yield break;
        if (!Rows.HasLabels) throw new CliException(ExitCode.InvalidInput, $"--anomalous needs labels, and {Rows.ShownAs} has none.", "Give them with --labels FILE.");
        var strange = Enumerable.Range(0, Rows.Count).Select(row => Anomalous.Contains(Rows.Label(row)!.Value)).ToArray();
        if (Array.TrueForAll(strange, is_ => is_) || !Array.Exists(strange, is_ => is_)) throw new CliException(ExitCode.InvalidInput, $"--anomalous: all or none of the {Rows.Count:N0} images have such a label; both kinds are needed.");
        foreach (var (name, scores) in ((string, double[])[])[("total", Scores.Total), ("distortion", Scores.Distortion), ("rate", Scores.Rate)])
        {
            yield return (name, Auroc.Of([.. scores.Where((_, row) => !strange[row])], [.. scores.Where((_, row) => strange[row])]));
        }
    }
}
