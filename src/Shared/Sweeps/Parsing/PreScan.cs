namespace Vae.Shared.Sweeps;

/// <summary>
/// Looks at the characters of a file before the YAML library sees them. Measured: 20,000 opening brackets (40 KB) end the process when
/// the library loads them, by a stack overflow that nothing can catch. So nesting is bounded here, once by a rough count that errs on
/// the strict side, and again by <see cref="YamlTree"/> on real events. Tabs and control characters get messages of their own, because
/// the library's messages about them mislead.
/// </summary>
internal sealed class PreScan(SourceText source, ReadContext context)
{
    /// <summary>The format needs six levels.</summary>
    public const int DepthMax = 32;

    private readonly Stack<int> _indents = new();
    private int _open;
    private char _quote;

    public void Run()
    {
        for (var number = 1; number <= source.Lines; number++)
        {
            var line = source.Line(number);
            Characters(line, number);
            if (!Nesting(line, number)) return;
        }
    }

    private void Characters(ReadOnlySpan<char> line, int number)
    {
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if ((!char.IsControl(c) || c == '\t') && c is not ('\u2028' or '\u2029')) continue;
            context.Add(new(number, i + 1, 1), Rules.ControlCharacter, $"control character U+{(int)c:X4}", "remove it");
            break; // A binary file has thousands; one a line is enough.
        }

        var text = line.IndexOfAnyExcept(' ', '\t');
        if (text < 0 || line[text] == '#') return;
        var tab = line[..text].IndexOf('\t');
        if (tab >= 0) context.Add(new(number, tab + 1, 1), Rules.Tab, "a tab in the indentation", "indent with spaces");
    }

    /// <returns>False when the file is nested too deeply to look on.</returns>
    private bool Nesting(ReadOnlySpan<char> line, int number)
    {
        var at = line.IndexOfAnyExcept(' ', '\t');
        if (at < 0) return true;
        if (_open == 0 && _quote == 0 && line[at] != '#') at = Indent(line, at);

        for (; at < line.Length; at++)
        {
            var c = line[at];
            if (_quote != 0) CloseQuote(line, ref at);
            else if (c is '"' or '\'' && StartsToken(line, at)) _quote = c;
            else if (c == '#' && (at == 0 || line[at - 1] is ' ' or '\t')) break;
            else if (c is '[' or '{') _open++;
            else if (c is ']' or '}') _open = Math.Max(0, _open - 1);

            if (_open + _indents.Count > DepthMax) return TooDeep(number, at);
        }
        return _indents.Count <= DepthMax || TooDeep(number, 0);
    }

    // Every "- " and "? " opens a level at its own column, also several on one line.
    private int Indent(ReadOnlySpan<char> line, int at)
    {
        while (_indents.TryPeek(out var top) && top >= at) _indents.Pop();
        _indents.Push(at);
        while (at + 1 < line.Length && line[at] is '-' or '?' or ':' && line[at + 1] is ' ' or '\t' && _indents.Count <= DepthMax)
        {
            var next = line[(at + 1)..].IndexOfAnyExcept(' ', '\t');
            if (next < 0) break;
            at += 1 + next;
            _indents.Push(at);
        }
        return at;
    }

    private void CloseQuote(ReadOnlySpan<char> line, ref int at)
    {
        if (_quote == '"' && line[at] == '\\') at++;
        else if (line[at] != _quote) return;
        else if (_quote == '\'' && at + 1 < line.Length && line[at + 1] == '\'') at++;
        else _quote = '\0';
    }

    // An apostrophe inside a word opens no quote.
    private static bool StartsToken(ReadOnlySpan<char> line, int at) => at == 0 || line[at - 1] is ' ' or '\t' or '[' or '{' or ',' or ':';

    private bool TooDeep(int number, int at)
    {
        context.Add(source.Clip(number, at + 1, 1), Rules.Depth, $"more than {DepthMax} levels of nesting", "a sweep file needs six at most");
        return false;
    }
}
