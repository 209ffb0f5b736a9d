using System.Buffers;
using System.Text;

namespace Vae.Shared.Sweeps;

/// <summary>A decoded source file with its lines, which positions and messages refer to.</summary>
internal sealed class SourceText
{
    /// <summary>A sweep file of a thousand lines is 50 KB; beyond this the file is something else.</summary>
    public const int BytesMax = 1024 * 1024;

    private readonly List<(int Start, int Length)> _lines = [];

    public SourceText(string text)
    {
        Text = text;
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r')) continue;
            _lines.Add((start, i - start));
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            start = i + 1;
        }
        _lines.Add((start, text.Length - start));
    }

    public string Text { get; }

    public int Lines => _lines.Count;

    /// <param name="number">From 1. A number beyond the file gives an empty line.</param>
    public ReadOnlySpan<char> Line(int number) =>
        number >= 1 && number <= _lines.Count ? Text.AsSpan(_lines[number - 1].Start, _lines[number - 1].Length) : [];

    /// <summary>A span that ends with its line at the latest and has at least one character.</summary>
    public TextSpan Clip(long line, long column, long length)
    {
        var number = (int)Math.Clamp(line, 1, _lines.Count);
        var width = Line(number).Length;
        var first = (int)Math.Clamp(column, 1, width + 1);
        return new(number, first, (int)Math.Clamp(length, 1, Math.Max(1, width - first + 1)));
    }

    /// <summary>The place of one character.</summary>
    public TextSpan PlaceOf(int index)
    {
        var line = _lines.FindLastIndex(candidate => candidate.Start <= index);
        return Clip(line + 1, index - _lines[line].Start + 1, 1);
    }

    /// <summary>Decodes strict UTF-8 up to the first fault.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="fault">Null when all is well; else what is wrong, right behind the returned text.</param>
    public static SourceText Decode(ReadOnlySpan<byte> bytes, out (string Message, string? Hint)? fault)
    {
        fault = null;
        if (bytes is [0xEF, 0xBB, 0xBF, ..]) bytes = bytes[3..];
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
        {
            fault = ("the file is UTF-16", "save it as UTF-8");
            return new("");
        }

        var valid = ValidPrefix(bytes);
        if (valid < bytes.Length) fault = ($"byte 0x{bytes[valid]:X2} at offset {valid:N0} is not UTF-8", "save the file as UTF-8");
        return new(Encoding.UTF8.GetString(bytes[..valid]));
    }

    private static int ValidPrefix(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            if (Rune.DecodeFromUtf8(bytes[at..], out _, out var used) != OperationStatus.Done) return at;
            at += used;
        }
        return at;
    }
}
