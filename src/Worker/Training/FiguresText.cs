using System.Globalization;
using Vae.Models.Evaluation;

namespace Vae.Worker.Training;

/// <summary>The figures of an objective as text, <c>iwae_bound=-95.25;perplexity=31</c>: every bit of a double, and NaN, come back.</summary>
internal static class FiguresText
{
    /// <summary>Most figures of a trial.</summary>
    public const int CountMax = 64;

    public static string Write(IReadOnlyList<HeldOutFigure> figures) =>
        string.Join(';', figures.Select(figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Name}={figure.Value:R}")));

    /// <summary>The figures of a text; null when it is none.</summary>
    public static IReadOnlyList<HeldOutFigure>? Read(string text)
    {
        if (text.Length == 0) return [];
        var parts = text.Split(';');
        if (parts.Length > CountMax) return null;
        var figures = new List<HeldOutFigure>(parts.Length);
        foreach (var part in parts)
        {
            var cut = part.IndexOf('=', StringComparison.Ordinal);
            if (cut < 1 || !double.TryParse(part.AsSpan(cut + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) return null;
            figures.Add(new HeldOutFigure(part[..cut], value));
        }

        return figures;
    }
}
