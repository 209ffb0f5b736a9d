using System.Text.RegularExpressions;

namespace Vae.Tests.Unit.Deploy;

/// <summary>Compares PromQL, or a file that holds some, with what the program exports. Not a parser: promtool is one.</summary>
internal static partial class PromQl
{
    /// <summary>What Prometheus itself adds to every series.</summary>
    private static readonly string[] LabelsOfTheScrape = ["instance", "job"];

    public static IEnumerable<string> MetricsIn(string text) => MetricName().Matches(text).Select(match => match.Value).Distinct();

    /// <summary>What it asks for that no node ever shows: a metric, a label, or a value of a label; each in a line fit for a person.</summary>
    public static IEnumerable<string> Mistakes(string text)
    {
        foreach (var metric in MetricsIn(text))
        {
            if (!ExportedMetrics.Has(metric)) yield return $"{metric} does not exist";
        }

        foreach (Match selector in Selector().Matches(text))
        {
            var metric = selector.Groups[1].Value;
            if (!ExportedMetrics.Has(metric)) continue;
            foreach (Match matcher in Matcher().Matches(selector.Groups[2].Value))
            {
                var (label, values) = (matcher.Groups[1].Value, matcher.Groups[2].Value);
                if (LabelsOfTheScrape.Contains(label)) continue;
                if (!ExportedMetrics.Labels(metric).Contains(label)) yield return $"{metric} has no label {label}";
                else if (values != ".*" && values.Split('|').FirstOrDefault(value => !ExportedMetrics.MayBe(metric, label, value)) is { } wrong) yield return $"{metric} has no {label}=\"{wrong}\"";
            }
        }
    }

    /// <summary>Labels that one expression groups or joins by although none of its metrics has them.</summary>
    public static IEnumerable<string> UnknownGroups(string expression)
    {
        var made = MadeLabel().Matches(expression).Select(match => match.Groups[1].Value);
        var known = MetricsIn(expression).Where(ExportedMetrics.Has).SelectMany(ExportedMetrics.Labels).Concat(LabelsOfTheScrape).Concat(made).ToHashSet();
        return Grouping().Matches(expression).SelectMany(match => match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Where(label => !known.Contains(label));
    }

    [GeneratedRegex(@"\bvae_[a-z_]+\b")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"\b(vae_[a-z_]+)\{([^}]*)\}")]
    private static partial Regex Selector();

    [GeneratedRegex(@"(\w+)(?:=~|!~|!=|=)""([^""]*)""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\b(?:by|on|without|ignoring) ?\(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"label_replace\(.*?, ""(\w+)"", ""[^""]*"", ""[^""]*"", ""[^""]*""\)")]
    private static partial Regex MadeLabel();
}
