using System.Text.Json;
using System.Text.RegularExpressions;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class SweepReferenceTests
{
    private const string Reference = "docs/sweep-file.md";

    public static TheoryData<string> Examples => [.. Directory.GetFiles(Path.Combine(Checkout.Root, "examples"), "*.yaml").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Examples))]
    public void Every_example_is_valid_without_a_warning(string file)
    {
        var result = SweepParser.Parse(File.ReadAllBytes(Path.Combine(Checkout.Root, "examples", file)));

        Assert.Equal("", ProblemText.Render(file, result.Text, result.Problems, color: false));
        Assert.NotNull(result.Definition);
        if (DataShape.Known(result.Definition.Dataset) is { } data) Assert.True(SweepPlan.Of(result.Definition, data).Trials > 1);
    }

    [Fact]
    public void The_schema_is_current() => Checkout.IsCurrent("docs/sweep.schema.json", SweepSchema.Write());

    [Fact]
    public void The_schema_knows_the_fields_of_the_table_and_no_others()
    {
        var top = JsonDocument.Parse(SweepSchema.Write()).RootElement.GetProperty("properties");

        var paths = top.EnumerateObject().SelectMany(block => block.Value.TryGetProperty("properties", out var keys)
            ? keys.EnumerateObject().Select(key => $"{block.Name}.{key.Name}")
            : [block.Name]);

        Assert.Equal(SweepFields.All.Select(field => field.Path).Append("search.parameters").Order(StringComparer.Ordinal), paths.Order(StringComparer.Ordinal));
        var searchable = top.GetProperty("search").GetProperty("properties").GetProperty("parameters").GetProperty("properties").EnumerateObject().Select(path => path.Name);
        Assert.Equal(SweepFields.All.Where(field => field.Searchable).Select(field => field.Path), searchable);
    }

    [Fact]
    public void The_reference_is_current()
    {
        var text = Checkout.Read(Reference);
        var bad = Regex.Match(text, "<!-- bad -->\n```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        var result = SweepParser.Parse(bad);

        text = Fill(text, "fields", SweepReference.Fields());
        text = Fill(text, "errors", $"```\n{ProblemText.Render("sweep.yaml", result.Text, result.Problems, color: false)}```\n");
        text = Fill(text, "rules", SweepReference.RuleTable());

        Checkout.IsCurrent(Reference, text);
    }

    [Fact]
    public void Every_other_yaml_block_of_the_reference_is_valid()
    {
        var blocks = Regex.Matches(Checkout.Read(Reference), "(?<!<!-- bad -->\n)```yaml\n(.*?)```", RegexOptions.Singleline).Select(match => match.Groups[1].Value).ToArray();

        Assert.True(blocks.Length >= 2);
        Assert.All(blocks, block => Assert.Empty(SweepParser.Parse(block.StartsWith("version", StringComparison.Ordinal) ? block : Sweep.Head + block).Problems));
    }

    private static string Fill(string text, string name, string content)
    {
        var (open, close) = ($"<!-- {name} -->\n", $"<!-- /{name} -->");
        var (start, end) = (text.IndexOf(open, StringComparison.Ordinal), text.IndexOf(close, StringComparison.Ordinal));
        Assert.True(start >= 0 && end > start, $"{Reference} has no place for {name}.");
        return text[..(start + open.Length)] + content + text[end..];
    }
}
