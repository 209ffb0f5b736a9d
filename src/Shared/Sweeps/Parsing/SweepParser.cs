using Vae.Shared.Datasets;

namespace Vae.Shared.Sweeps;

/// <summary>What became of a sweep file.</summary>
/// <param name="Definition">Valid and complete; null when there is any error.</param>
/// <param name="Problems">Errors and warnings by position; empty when all is well.</param>
/// <param name="Text">The decoded file, for <see cref="ProblemText"/>.</param>
public sealed record SweepParseResult(SweepDefinition? Definition, ValueList<Problem> Problems, string Text);

/// <summary>
/// Reads sweep files. Bad input is never an exception: everything wrong comes back at once, each with its place. The order of work is
/// size, encoding, characters and nesting, YAML, fields, and at last the rules that hold between fields.
/// </summary>
public static class SweepParser
{
    private static readonly string[] Blocks =
    [
        SweepFields.Dataset.Name, SweepFields.Model.Name, SweepFields.Training.Name, SweepFields.Search.Name,
        SweepFields.Objective.Name, SweepFields.Resources.Name, SweepFields.Budget.Name,
    ];

    public static SweepParseResult Parse(string text) => Parse(System.Text.Encoding.UTF8.GetBytes(text));

    /// <param name="bytes">The whole file.</param>
    public static SweepParseResult Parse(ReadOnlySpan<byte> bytes)
    {
        var context = new ReadContext();
        if (bytes.Length > SourceText.BytesMax)
        {
            context.Add(TextSpan.None, Rules.Size, $"the file has {bytes.Length:N0} bytes; at most {SourceText.BytesMax:N0} are read", "is this a sweep file?");
            return new(null, context.Sorted(), "");
        }

        var source = SourceText.Decode(bytes, out var fault);
        if (fault is { } broken)
        {
            context.Add(source.Clip(source.Lines, source.Line(source.Lines).Length + 1, 1), Rules.Encoding, broken.Message, broken.Hint);
            return new(null, context.Sorted(), source.Text);
        }

        new PreScan(source, context).Run();
        var root = context.HasErrors ? null : new YamlTree(source, context).Compose();
        var definition = root is SourceNode.Mapping file ? Definition(file, context) : null;
        if (root is not (null or SourceNode.Mapping)) context.Block(root, "");
        if (root is not null && definition is null && !context.HasErrors) context.Add(TextSpan.None, Rules.Size, "the file is empty", "start with `version: 1`");
        return new(context.HasErrors ? null : definition, context.Sorted(), source.Text);
    }

    private static SweepDefinition Definition(SourceNode.Mapping root, ReadContext context)
    {
        var blocks = root.Entries.ToDictionary(entry => entry.Key.Text, StringComparer.Ordinal);
        foreach (var (key, _) in blocks.Values) context.Place(key.Text, key.At);
        var head = SweepFields.Head.Read(root, TextSpan.None, context, Blocks);
        if (!blocks.ContainsKey("dataset"))
        {
            context.Add(TextSpan.None, Rules.MissingKey, "`dataset` is missing", "add `dataset: { source: sprites }`, or name the files of `source: idx`");
        }

        var definition = new SweepDefinition
        {
            Version = head.Version,
            Name = head.Name,
            Dataset = blocks.ContainsKey("dataset") ? Read(SweepFields.Dataset) : SweepFields.Dataset.Defaults,
            Model = Read(SweepFields.Model),
            Training = Read(SweepFields.Training),
            Search = new SearchReader(context).Read(blocks.GetValueOrDefault("search")),
            Objective = Read(SweepFields.Objective),
            Resources = Read(SweepFields.Resources),
            Budget = Read(SweepFields.Budget),
        };
        SweepRules.Check(definition, context);
        return definition;

        TSpec Read<TSpec>(Section<TSpec> section) =>
            blocks.TryGetValue(section.Name, out var entry) ? section.Read(entry.Value, entry.Key.At, context) : section.Defaults;
    }
}
