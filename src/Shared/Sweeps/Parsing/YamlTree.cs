using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Vae.Shared.Sweeps;

/// <summary>
/// Builds the tree of a file from the YAML library's events. The library's own document model is not used: it recurses without bound,
/// accepts duplicate keys and loses their positions.
/// </summary>
internal sealed class YamlTree(SourceText source, ReadContext context)
{
    private readonly Parser _parser = new(new StringReader(source.Text));

    /// <returns>The root; null when the file is empty or no YAML, which is then reported.</returns>
    public SourceNode? Compose()
    {
        try
        {
            return Document();
        }
        catch (YamlException fault)
        {
            ReportSyntax(fault.Start, Lower(fault.Message));
            return null;
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or FormatException or ArithmeticException or IndexOutOfRangeException or NullReferenceException)
        {
            // The library's scanner has defects of its own on broken text (fuzzing finds some in seconds), and a user's slip must not end the process.
            ReportSyntax(_parser.Current?.End ?? Mark.Empty, "it cannot be read from about here on");
            return null;
        }
    }

    private void ReportSyntax(Mark mark, string what)
    {
        var end = source.Text.AsSpan().TrimEnd().Length;
        var at = mark.Index < end ? source.Clip(mark.Line, mark.Column, 1) : source.PlaceOf(Math.Max(0, end - 1));
        context.Add(at, Rules.Syntax, $"this is not YAML: {what}", "check indentation, brackets, quotes and colons here and before");
    }

    private SourceNode? Document()
    {
        if (!MoveTo<DocumentStart>(out var start))
        {
            context.Add(TextSpan.None, Rules.Size, "the file is empty", "start with `version: 1`, or copy examples/quickstart.yaml");
            return null;
        }
        // The library lists its two default tag handles always, so only a version tells of a directive; %TAG needs a tag to matter.
        if (start.Version is not null) context.Add(At(start), Rules.Documents, "a YAML directive", "remove the line");
        _parser.MoveNext();
        var root = Node(depth: 0);
        if (root is null) return null;
        if (MoveTo<DocumentStart>(out var second)) context.Add(At(second), Rules.Documents, "a second document", "keep one document per file");
        return root;
    }

    /// <summary>Reads the node at the current event and stops on its last event.</summary>
    /// <returns>Null when the file nests too deeply to go on.</returns>
    private SourceNode? Node(int depth)
    {
        var current = _parser.Current;
        if (depth > PreScan.DepthMax)
        {
            context.Add(At(current!), Rules.Depth, $"more than {PreScan.DepthMax} levels of nesting", "a sweep file needs six at most");
            return null;
        }

        var sound = current is not NodeEvent node || IsSound(node);
        SourceNode? result = current switch
        {
            Scalar scalar => new SourceNode.Scalar(scalar.Value, scalar.Style is not ScalarStyle.Plain, At(scalar)),
            SequenceStart start => Sequence(start, depth),
            MappingStart start => Mapping(start, depth),
            _ => Alias(current!),
        };
        return sound || result is null ? result : new SourceNode.Broken(result.At);
    }

    private SourceNode? Sequence(SequenceStart start, int depth)
    {
        var items = new List<SourceNode>();
        while (_parser.MoveNext() && _parser.Current is not SequenceEnd)
        {
            if (Node(depth + 1) is not { } item) return null;
            items.Add(item);
        }
        var at = Span(start, _parser.Current);
        return items.Exists(item => item is SourceNode.Broken) ? new SourceNode.Broken(at) : new SourceNode.Sequence(items, at);
    }

    private SourceNode.Mapping? Mapping(MappingStart start, int depth)
    {
        var entries = new List<MappingEntry>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        while (_parser.MoveNext() && _parser.Current is not MappingEnd)
        {
            if (Node(depth + 1) is not { } key || !_parser.MoveNext() || Node(depth + 1) is not { } value) return null;
            if (key is not SourceNode.Scalar word)
            {
                if (key is not SourceNode.Broken) context.Add(key.At, Rules.ComplexKey, $"a key must be a word, but is {key.Describe()}");
            }
            else if (word is { Quoted: false, Text: "<<" }) context.Add(word.At, Rules.MergeKey, "a merge key", "write the keys out");
            else if (!seen.TryAdd(word.Text, word.At.Line))
            {
                context.Add(word.At, Rules.DuplicateKey, $"`{Quote.Plain(word.Text)}` is here for the second time", $"the first is on line {seen[word.Text]}; keep one of them");
            }
            else entries.Add(new(word, value));
        }
        return new SourceNode.Mapping(entries, Span(start, _parser.Current));
    }

    private SourceNode.Broken Alias(ParsingEvent alias)
    {
        context.Add(At(alias), Rules.Anchor, "an alias", "write the value out");
        return new(At(alias));
    }

    private bool IsSound(NodeEvent node)
    {
        if (!node.Anchor.IsEmpty) context.Add(At(node), Rules.Anchor, $"an anchor `&{Quote.Plain(node.Anchor.Value)}`", "remove it and write values out");
        if (!node.Tag.IsEmpty) context.Add(At(node), Rules.Tag, $"a tag `{Quote.Plain(node.Tag.IsNonSpecific ? "!" : node.Tag.Value.Replace("tag:yaml.org,2002:", "!!", StringComparison.Ordinal))}`", "remove it");
        return node.Anchor.IsEmpty && node.Tag.IsEmpty;
    }

    private bool MoveTo<T>([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? found)
        where T : ParsingEvent
    {
        found = null;
        while (found is null && _parser.MoveNext()) found = _parser.Current as T;
        return found is not null;
    }

    private TextSpan At(ParsingEvent node) => Span(node, node);

    // A block's own start and end tell little; its first line is where the eye should go.
    private TextSpan Span(ParsingEvent start, ParsingEvent? end) => source.Clip(start.Start.Line, start.Start.Column,
        end is not null && end.End.Line == start.Start.Line ? end.End.Column - start.Start.Column : source.Text.Length);

    private static string Lower(string message) =>
        message.Length == 0 ? "unreadable" : Quote.Harmless(char.ToLowerInvariant(message[0]) + message[1..].TrimEnd('.'));
}
