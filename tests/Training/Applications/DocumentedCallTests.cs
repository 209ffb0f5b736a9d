using System.Text.RegularExpressions;

namespace Vae.Tests.Training.Applications;

/// <summary>What the documents tell C# users to write is what <see cref="DocumentedCalls"/> compiles.</summary>
public sealed class DocumentedCallTests
{
    private static readonly string Root = Find();

    public static TheoryData<string> Pages => [.. Directory.GetFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories).Where(page => Blocks(File.ReadAllText(page)).Any()).Select(page => Path.GetRelativePath(Root, page)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Pages))]
    public void Every_line_of_csharp_on_a_page_is_compiled_in_its_order(string page)
    {
        var source = Lines(File.ReadAllText(Path.Combine(Root, "tests", "Training", "Applications", "DocumentedCalls.cs"))).ToList();
        var missing = new List<string>();
        foreach (var block in Blocks(File.ReadAllText(Path.Combine(Root, page))))
        {
            var lines = Lines(block).Where(line => !line.StartsWith("using Vae.", StringComparison.Ordinal)).ToArray();
            if (!Enumerable.Range(0, source.Count).Any(start => lines.Length <= source.Count - start && source.Skip(start).Take(lines.Length).SequenceEqual(lines))) missing.Add(string.Join('\n', lines));
            foreach (var line in Lines(block).Where(line => line.StartsWith("using Vae.", StringComparison.Ordinal))) Assert.Contains(line, source);
        }

        Assert.Empty(missing);
    }

    [Theory]
    [InlineData("Generate")]
    [InlineData("Reconstruct")]
    [InlineData("Interpolate")]
    [InlineData("Traverse")]
    [InlineData("Arithmetic")]
    [InlineData("Encode")]
    [InlineData("Anomaly")]
    [InlineData("Compress")]
    [InlineData("Export")]
    public void Every_application_names_its_command_and_its_call(string title)
    {
        var page = File.ReadAllText(Path.Combine(Root, "docs", "applications.md"));
        var section = Regex.Match(page, $@"^## {title}\n(.*?)(?=^## |\z)", RegexOptions.Multiline | RegexOptions.Singleline).Groups[1].Value;

        Assert.Contains($"vae model {title.ToLowerInvariant()}", section, StringComparison.Ordinal);
        Assert.NotEmpty(Blocks(title == "Compress" ? File.ReadAllText(Path.Combine(Root, "docs", "compression.md")) : section));
    }

    private static IEnumerable<string> Blocks(string page) => Regex.Matches(page, "```csharp\n(.*?)```", RegexOptions.Singleline).Select(match => match.Groups[1].Value);

    // Without comments: those of a document are about the reader's own program.
    private static IEnumerable<string> Lines(string text) => text.Split('\n').Select(line => Regex.Replace(line, @"(^|\s)//.*", "").Trim()).Where(line => line.Length > 0);

    private static string Find()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Vae.Distributed.sln"))) root = Path.GetDirectoryName(root)!;
        return root;
    }
}
