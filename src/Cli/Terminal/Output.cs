using System.Text.Json;

namespace Vae.Cli.Terminal;

/// <summary>Results go to stdout, progress and notes to stderr; with <c>--json</c> every result is one JSON object with a schema version.</summary>
internal sealed class Output(TextWriter results, TextWriter notes, OutputMode mode)
{
    private const int SchemaVersion = 1;

    public OutputMode Mode { get; } = mode;

    public TextWriter Results { get; } = results;

    public TextWriter Notes { get; } = notes;

    /// <summary>A line of the result.</summary>
    public void Line(string text = "") => Results.WriteLine(text);

    /// <summary>Where notes go while a live picture owns the terminal: a line written beside it would be painted over.</summary>
    public Action<string>? NoteSink { get; set; }

    /// <summary>A note for people: not part of the result, silent with <c>-q</c>.</summary>
    public void Note(string text)
    {
        if (Mode.Quiet) return;
        if (NoteSink is { } sink) sink(text);
        else Notes.WriteLine(text);
    }

    /// <summary>A mistake or fault; always shown.</summary>
    public void Error(string message, string? help = null)
    {
        Notes.WriteLine($"{Mode.Paint("error:", Color.Red)} {message}");
        if (help is not null) Notes.WriteLine($"{Mode.Paint("help:", Color.Cyan)} {help}");
    }

    /// <summary>Something that went on all the same.</summary>
    public void Warning(string message)
    {
        if (NoteSink is { } sink) sink($"warning: {message}");
        else Notes.WriteLine($"{Mode.Paint("warning:", Color.Yellow)} {message}");
    }

    /// <summary>One JSON object on one line; <paramref name="write"/> adds the members behind <c>schema_version</c> and <c>type</c>.</summary>
    public void Json(string type, Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("schema_version", SchemaVersion);
            writer.WriteString("type", type);
            write(writer);
            writer.WriteEndObject();
        }

        Results.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)));
    }
}

/// <summary>How to speak to whoever reads.</summary>
/// <param name="Json">Results as JSON lines.</param>
/// <param name="Quiet">No notes; results and errors only.</param>
/// <param name="Verbosity">0 notes, 1 debug logs, 2 everything.</param>
/// <param name="ColorOn">ANSI colours on stderr.</param>
/// <param name="Interactive">stderr is a terminal: progress may redraw itself.</param>
internal sealed record OutputMode(bool Json, bool Quiet, int Verbosity, bool ColorOn, bool Interactive)
{
    public string Paint(string text, Color color) => ColorOn ? $"\u001b[{(int)color}m{text}\u001b[0m" : text;
}

/// <summary>ANSI foreground colours.</summary>
internal enum Color
{
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// <summary>Numbers that JSON can carry: a diverged trial must not break a stream, so a non-finite value becomes null.</summary>
internal static class JsonNumbers
{
    public static void WriteFinite(this Utf8JsonWriter writer, string name, double value)
    {
        if (double.IsFinite(value)) writer.WriteNumber(name, value);
        else writer.WriteNull(name);
    }
}
