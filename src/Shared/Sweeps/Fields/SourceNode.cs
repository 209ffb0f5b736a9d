namespace Vae.Shared.Sweeps;

/// <summary>A run of characters on one line of a source text.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in UTF-16 units, as editors count.</param>
/// <param name="Length">At least 1.</param>
public readonly record struct TextSpan(int Line, int Column, int Length)
{
    /// <summary>For input that has no lines, such as JSON from the wire.</summary>
    public static TextSpan None { get; } = new(1, 1, 1);
}

/// <summary>A value as it was written, before its field gives it a meaning. YAML, JSON and canonical text all become this tree.</summary>
internal abstract record SourceNode(TextSpan At)
{
    /// <summary>One word or number. Quoted text is never a number or null.</summary>
    public sealed record Scalar(string Text, bool Quoted, TextSpan At) : SourceNode(At)
    {
        public bool IsNull => !Quoted && Text is "" or "~" or "null" or "Null" or "NULL";
    }

    public sealed record Sequence(IReadOnlyList<SourceNode> Items, TextSpan At) : SourceNode(At);

    public sealed record Mapping(IReadOnlyList<MappingEntry> Entries, TextSpan At) : SourceNode(At);

    /// <summary>A value that a problem has been reported for already; readers pass over it in silence.</summary>
    public sealed record Broken(TextSpan At) : SourceNode(At);

    /// <summary>How a message names this value.</summary>
    public string Describe() => this switch
    {
        Scalar { IsNull: true } => "nothing",
        Scalar { Quoted: true } scalar => $"the text \"{Quote.Plain(scalar.Text)}\"",
        Scalar scalar => $"`{Quote.Plain(scalar.Text)}`",
        Sequence => "a list",
        _ => "a block of keys",
    };

    /// <summary>Reads canonical text: a word, or a list such as <c>[512, 256]</c>.</summary>
    public static SourceNode FromCanonical(string text)
    {
        if (text.Length < 2 || text[0] != '[' || text[^1] != ']') return new Scalar(text, Quoted: false, TextSpan.None);
        var inner = text[1..^1].Trim();
        if (inner.Length == 0) return new Sequence([], TextSpan.None);
        return new Sequence([.. inner.Split(',').Select(item => new Scalar(item.Trim(), Quoted: false, TextSpan.None))], TextSpan.None);
    }
}

/// <summary>One key with its value.</summary>
internal sealed record MappingEntry(SourceNode.Scalar Key, SourceNode Value);
