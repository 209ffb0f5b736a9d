using System.Text;

namespace Vae.Shared.Sweeps;

/// <summary>Makes foreign text safe to print: no control characters reach a terminal, and nothing is endless.</summary>
internal static class Quote
{
    private const int LengthMax = 60; // A message stays on one line of a wide terminal.

    public static string Plain(string text)
    {
        var cut = text.Length <= LengthMax ? text : string.Concat(text.AsSpan(0, LengthMax), "...");
        return Harmless(cut);
    }

    /// <summary>Replaces control and direction-changing characters by U+FFFD and tabs by a space; the length stays, so columns do too.</summary>
    public static string Harmless(string text)
    {
        if (!text.Any(IsHarmful)) return text;
        var result = new StringBuilder(text.Length);
        foreach (var c in text) result.Append(c == '\t' ? ' ' : IsHarmful(c) ? '\uFFFD' : c);
        return result.ToString();
    }

    private static bool IsHarmful(char c) =>
        char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
