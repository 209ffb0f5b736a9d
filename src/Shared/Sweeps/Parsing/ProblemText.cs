using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>Shows problems to people and to programs.</summary>
public static class ProblemText
{
    private const int WidthMax = 120; // Longer source lines are cut around the mark.
    private const string Red = "\e[1;31m";
    private const string Yellow = "\e[1;33m";
    private const string Blue = "\e[1;34m";
    private const string Cyan = "\e[36m";
    private const string Bold = "\e[1m";
    private const string Plain = "\e[0m";

    /// <summary>One block per problem: place and message, the source line, a mark under the value, and what to do; then a line that counts them.</summary>
    /// <param name="fileName">As the user named it.</param>
    /// <param name="source">The decoded file, <see cref="SweepParseResult.Text"/>.</param>
    /// <param name="problems">May be empty; then the text is, too.</param>
    /// <param name="color">Whether to write terminal colours.</param>
    public static string Render(string fileName, string source, IReadOnlyList<Problem> problems, bool color)
    {
        var text = new SourceText(source);
        var result = new StringBuilder();
        foreach (var problem in problems) RenderOne(result, Quote.Harmless(fileName), text, problem, color);
        if (problems.Count > 0) result.Append(Summary(problems)).Append('\n');
        return result.ToString();
    }

    /// <returns>For example <c>2 errors, 1 warning</c>.</returns>
    public static string Summary(IReadOnlyList<Problem> problems)
    {
        var errors = problems.Count(problem => problem.Severity == Severity.Error);
        var warnings = problems.Count - errors;
        string[] parts = [errors switch { 0 => "", 1 => "1 error", _ => $"{errors} errors" }, warnings switch { 0 => "", 1 => "1 warning", _ => $"{warnings} warnings" }];
        return string.Join(", ", parts.Where(part => part.Length > 0));
    }

    /// <returns>One JSON object with <c>schema_version</c>, <c>file</c>, <c>valid</c> and <c>problems</c>.</returns>
    public static string Json(string fileName, IReadOnlyList<Problem> problems)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("schema_version", 1);
            json.WriteString("file", fileName);
            json.WriteBoolean("valid", problems.All(problem => problem.Severity != Severity.Error));
            json.WriteStartArray("problems");
            foreach (var problem in problems) WriteOne(json, problem);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteOne(Utf8JsonWriter json, Problem problem)
    {
        json.WriteStartObject();
        json.WriteString("severity", problem.Severity == Severity.Error ? "error" : "warning");
        json.WriteString("rule", problem.Rule);
        json.WriteNumber("line", problem.Line);
        json.WriteNumber("column", problem.Column);
        json.WriteNumber("length", problem.Length);
        json.WriteString("message", problem.Message);
        json.WriteString("hint", problem.Hint);
        json.WriteEndObject();
    }

    private static void RenderOne(StringBuilder result, string fileName, SourceText text, Problem problem, bool color)
    {
        var (kind, tone) = problem.Severity == Severity.Error ? ("error", Red) : ("warning", Yellow);
        var (line, first) = Window(Quote.Harmless(text.Line(problem.Line).ToString()), problem.Column - 1);
        var length = Math.Clamp(problem.Length, 1, Math.Max(1, line.Length - first));
        var number = problem.Line.ToString();
        var gutter = new string(' ', number.Length);

        result.Append(Tint(Bold, $"{fileName}:{problem.Line}:{problem.Column}: ")).Append(Tint(tone, $"{kind}[{problem.Rule}]")).Append(Tint(Bold, $": {problem.Message}")).Append('\n');
        if (line.Trim().Length > 0)
        {
            result.Append(Tint(Blue, $" {number} | ")).Append(line).Append('\n');
            result.Append(Tint(Blue, $" {gutter} | ")).Append(' ', Columns(line.AsSpan(0, first))).Append(Tint(tone, new string('^', Columns(line.AsSpan(first, Math.Min(length, line.Length - first)), atLeast: 1)))).Append('\n');
        }
        if (problem.Hint is { } hint) result.Append(Tint(Cyan, $" {gutter} = help: ")).Append(hint).Append('\n');
        result.Append('\n');

        string Tint(string tint, string piece) => color ? tint + piece + Plain : piece;
    }

    /// <returns>The part of a long line around a place, and where the place is in it.</returns>
    private static (string Line, int First) Window(string line, int first)
    {
        first = Math.Clamp(first, 0, line.Length);
        if (line.Length <= WidthMax) return (line, first);
        var start = Math.Clamp(first - (WidthMax / 2), 0, line.Length - WidthMax);
        var (before, after) = (start > 0 ? "..." : "", start + WidthMax < line.Length ? "..." : "");
        return (string.Concat(before, line.AsSpan(start, WidthMax), after), first - start + before.Length);
    }

    // East Asian wide characters and emoji take two columns of a terminal, combining marks none.
    private static int Columns(ReadOnlySpan<char> text, int atLeast = 0)
    {
        var columns = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.EnclosingMark) continue;
            columns += rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
                or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD) ? 2 : 1;
        }
        return Math.Max(columns, atLeast);
    }
}
