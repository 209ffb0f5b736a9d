using System.Globalization;

namespace Vae.Shared.Sweeps;

/// <summary>Numbers as YAML 1.2's core schema writes them: <c>12</c>, <c>1e-3</c>, <c>.5</c>; no underscores, hexadecimal or octal.</summary>
internal static class NumberText
{
    /// <summary>True when the text is a number by its form, whether or not it fits a type.</summary>
    public static bool IsNumber(string text) => IsWhole(text) || IsReal(text);

    public static bool IsWhole(string text)
    {
        var digits = text.AsSpan(text.Length > 0 && text[0] is '+' or '-' ? 1 : 0);
        return digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
    }

    /// <summary>Not-a-number and the infinities have words of their own in YAML; no field takes them.</summary>
    public static bool IsNotFinite(string text) => text.TrimStart('+', '-').ToUpperInvariant() is ".NAN" or ".INF" or "NAN" or "INF" or "INFINITY";

    public static bool TryReal(string text, out double value)
    {
        value = 0;
        if (!IsReal(text) || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value)) return false;
        if (value == 0) value = 0; // -0 would make two canonical texts of one value.
        return true;
    }

    /// <returns>The shortest text that reads back as the same number.</returns>
    public static string Display(double value) => value.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();

    private static bool IsReal(string text)
    {
        var at = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        var whole = Digits(text, ref at);
        var fraction = 0;
        if (at < text.Length && text[at] == '.')
        {
            at++;
            fraction = Digits(text, ref at);
        }
        if (whole + fraction == 0) return false;
        if (at == text.Length) return true;
        if (text[at++] is not ('e' or 'E')) return false;
        if (at < text.Length && text[at] is '+' or '-') at++;
        return Digits(text, ref at) > 0 && at == text.Length;
    }

    private static int Digits(string text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        return at - start;
    }
}
