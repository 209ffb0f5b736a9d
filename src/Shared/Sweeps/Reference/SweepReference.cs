using System.Text;

namespace Vae.Shared.Sweeps;

/// <summary>The tables of <c>docs/sweep-file.md</c>, read off the code; a test keeps the file current.</summary>
public static class SweepReference
{
    /// <returns>Markdown: one table per block, in the order of the file.</returns>
    public static string Fields()
    {
        var text = new StringBuilder();
        foreach (var block in SweepFields.All.GroupBy(field => field.Section))
        {
            text.Append(block.Key.Length == 0 ? "### At the top\n" : $"### `{block.Key}`\n").Append('\n');
            text.Append("| key | type | allowed | default | meaning |\n| --- | --- | --- | --- | --- |\n");
            foreach (var field in block)
            {
                text.Append($"| `{field.Key}` | {field.Type} | {field.Allowed} | {(field.Default is { } value ? $"`{value}`" : "required")} | {field.Doc} |\n");
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <returns>Markdown: every rule with what it asks for.</returns>
    public static string RuleTable()
    {
        var text = new StringBuilder("| rule | meaning |\n| --- | --- |\n");
        foreach (var (id, meaning) in Rules.All) text.Append($"| `{id}` | {meaning} |\n");
        return text.ToString();
    }
}
