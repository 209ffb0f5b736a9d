using System.Globalization;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage;

/// <summary>Figures of an evaluation as a column of text, in stores and in curves.csv: <c>perplexity=31.25;codes_in_use=40</c>, which a person can read in a query; null for none. No name has a comma, a semicolon or an equals sign. Every bit of a double, and NaN, come back.</summary>
public static class FigureColumn
{
    /// <summary>The text; null for no figures.</summary>
    public static string? Write(ValueList<NamedFigure> figures) =>
        figures.Count == 0 ? null : string.Join(';', figures.Select(static figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Name}={figure.Value:R}")));

    /// <summary>The figures of a text.</summary>
    /// <exception cref="FormatException">It is none that was written here.</exception>
    public static ValueList<NamedFigure> Read(string? text) => text is null ? [] : text.Split(';').Select(static part =>
    {
        var cut = part.IndexOf('=', StringComparison.Ordinal);
        return cut < 1 ? throw new FormatException($"'{part}' is no figure.") : new NamedFigure(part[..cut], double.Parse(part.AsSpan(cut + 1), NumberStyles.Float, CultureInfo.InvariantCulture));
    }).ToValueList();
}
