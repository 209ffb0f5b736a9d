using System.Text.RegularExpressions;
using Vae.Tests.Unit.Deploy;

namespace Vae.Tests.Unit.Docs;

/// <summary>Documents age in silence: nothing breaks when a file moves or a command changes its name. These tests break.</summary>
public partial class DocumentTests
{
    private const string CommandReference = "docs/cli.md";
    private static readonly string[] Folders = ["docs", "deploy", "benchmarks", "examples"];
    private static readonly string[] KnownRoots = ["src/", "tests/", "docs/", "deploy/", "eng/", "examples/", "benchmarks/", ".ci/"];

    public static TheoryData<string> Documents =>
    [
        .. Directory.EnumerateFiles(Checkout.Root, "*.md").Concat(Folders.Where(folder => Directory.Exists(Checkout.PathTo(folder))).SelectMany(folder => Checkout.Files(folder, "*.md")))
            .Select(file => Path.GetRelativePath(Checkout.Root, file)),
    ];

    [Theory, MemberData(nameof(Documents))]
    public void Every_relative_link_leads_to_a_file_and_to_a_heading_of_it(string document)
    {
        var here = Path.GetDirectoryName(Checkout.PathTo(document))!;

        var broken = Link().Matches(WithoutBlocks(document)).Select(match => match.Groups[1].Value)
            .Where(link => !link.Contains("://", StringComparison.Ordinal))
            .Where(link => !Resolves(link, document, here));

        Assert.Empty(broken);
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_path_in_backticks_exists(string document)
    {
        var here = Path.GetDirectoryName(Checkout.PathTo(document))!;

        var missing = Quoted(document).Where(word => KnownRoots.Any(root => word.StartsWith(root, StringComparison.Ordinal)) && PlainPath().IsMatch(word))
            .Where(path => !Path.Exists(Checkout.PathTo(path)) && !Path.Exists(Path.Combine(here, path)));

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_class_that_the_architecture_names_is_declared()
    {
        var sources = Directory.EnumerateFiles(Checkout.PathTo("src"), "*.cs", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Checkout.PathTo("tests"), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText).ToArray();
        var types = sources.SelectMany(text => TypeDeclaration().Matches(text).Select(match => match.Groups[1].Value)).ToHashSet(StringComparer.Ordinal);
        var names = sources.SelectMany(text => Name().Matches(text).Select(match => match.Value)).ToHashSet(StringComparer.Ordinal);

        var named = Quoted("ARCHITECTURE.md").Concat(Quoted(CommandReference)).Concat(Directory.EnumerateFiles(Checkout.PathTo("docs/adr"), "*.md").SelectMany(file => Quoted(Path.GetRelativePath(Checkout.Root, file))))
            .Where(word => ClassName().IsMatch(word)).Select(word => word.Split('.')).ToArray();

        Assert.True(named.Length > 50, "The architecture names too few classes to be worth reading.");
        Assert.Empty(named.Where(word => !types.Contains(word[0]) || !word.All(names.Contains)).Select(word => string.Join('.', word)).Distinct());
    }

    [Theory, MemberData(nameof(Documents))]
    public void Every_command_that_is_quoted_is_one_of_the_reference_with_its_options(string document)
    {
        var reference = File.ReadAllText(Checkout.PathTo(CommandReference));
        var commands = Heading().Matches(reference).Select(match => match.Groups[1].Value.Trim()).ToArray();
        Assert.True(commands.Length > 10, $"{CommandReference} lists too few commands.");

        var text = File.ReadAllText(Checkout.PathTo(document));
        var unknown = Command().Matches(text).Select(match => match.Value).Where(quoted => !IsKnown(quoted, commands, reference));

        Assert.Empty(unknown);
    }

    [Fact]
    public void Every_metric_of_the_operations_page_is_exported_and_every_exported_one_is_on_the_page()
    {
        static string[] Names(string path) => [.. Metric().Matches(File.ReadAllText(Checkout.PathTo(path))).Select(match => match.Value).Distinct().Order(StringComparer.Ordinal)];

        Assert.Equal(Names("src/Runtime/Telemetry/VaeMetrics.cs"), Names("docs/operations.md"));
    }

    private static bool IsKnown(string quoted, string[] commands, string reference)
    {
        var words = quoted.Split([' ', '`', '\n', '|'], StringSplitOptions.RemoveEmptyEntries);
        var name = $"vae {string.Join(' ', words.Skip(1).TakeWhile(word => LowerWord().IsMatch(word)))}";
        var command = commands.FirstOrDefault(known => name == known || name.StartsWith($"{known} ", StringComparison.Ordinal) || known.StartsWith($"{name} ", StringComparison.Ordinal));
        return command is not null && words.Where(word => LongOption().IsMatch(word)).All(option => option == "--version" || reference.Contains(option, StringComparison.Ordinal));
    }

    private static bool Resolves(string link, string document, string here)
    {
        var parts = link.Split('#', 2);
        var target = parts[0].Length == 0 ? Checkout.PathTo(document) : Path.GetFullPath(Path.Combine(here, parts[0]));
        if (!Path.Exists(target)) return false;
        return parts.Length == 1 || File.ReadAllLines(target).Any(line => line.StartsWith('#') && Anchor(line) == parts[1]);
    }

    // The way in which GitHub makes anchors: lower case, words joined by hyphens, everything else left out.
    private static string Anchor(string heading) =>
        new([.. heading.TrimStart('#').Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_').Select(c => c == ' ' ? '-' : c)]);

    private static string WithoutBlocks(string document) => Block().Replace(File.ReadAllText(Checkout.PathTo(document)), "");

    private static IEnumerable<string> Quoted(string document) => Backticks().Matches(WithoutBlocks(document)).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Backticks();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^[A-Za-z0-9_./-]+$")]
    private static partial Regex PlainPath();

    [GeneratedRegex(@"^[A-Z][a-z]+[A-Z][A-Za-z0-9]*(\.[A-Z][A-Za-z]+)*$")]
    private static partial Regex ClassName();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum|delegate \S+) ([A-Z][A-Za-z0-9]+)")]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"\b[A-Z][A-Za-z0-9]+\b")]
    private static partial Regex Name();

    [GeneratedRegex(@"^### (vae [a-z ]+)", RegexOptions.Multiline)]
    private static partial Regex Heading();

    // In a block at the start of a line, in the text between backticks.
    [GeneratedRegex(@"(?<=^(\./)?|`(\./)?)vae [a-z][^`\n#]*", RegexOptions.Multiline)]
    private static partial Regex Command();

    [GeneratedRegex("^[a-z]+$")]
    private static partial Regex LowerWord();

    [GeneratedRegex("^--[a-z-]+$")]
    private static partial Regex LongOption();

    [GeneratedRegex("vae_(?:build|trials|train|allreduce|worker|sweep|mailbox|dead|actor|store|auth|protocol|http)(?:_[a-z]+)*")]
    private static partial Regex Metric();
}
