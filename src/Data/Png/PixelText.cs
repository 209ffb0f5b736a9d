namespace Vae.Data.Png;

/// <summary>Digits and a few letters of 3 x 5 pixels: enough to say in a picture which row is which. A character that it does not know is a gap.</summary>
public static class PixelText
{
    private const int GlyphWidth = 3, GlyphHeight = 5, Gap = 1;
    private const byte Ink = 235;

    // Each row is three bits, the leftmost is the highest; five rows from the top.
    private static readonly Dictionary<char, int> Glyphs = new()
    {
        ['0'] = 0b111_101_101_101_111, ['1'] = 0b010_110_010_010_111, ['2'] = 0b111_001_111_100_111, ['3'] = 0b111_001_111_001_111, ['4'] = 0b101_101_111_001_001,
        ['5'] = 0b111_100_111_001_111, ['6'] = 0b111_100_111_101_111, ['7'] = 0b111_001_010_010_010, ['8'] = 0b111_101_111_101_111, ['9'] = 0b111_101_111_001_111,
        ['.'] = 0b000_000_000_000_010, ['-'] = 0b000_000_111_000_000, ['+'] = 0b000_010_111_010_000, ['='] = 0b000_111_000_111_000, ['z'] = 0b000_111_001_010_111,
        ['A'] = 0b010_101_111_101_101, ['B'] = 0b110_101_110_101_110, ['C'] = 0b011_100_100_100_011,
    };

    /// <summary>Width of a text in pixels.</summary>
    /// <param name="text">One line.</param>
    /// <param name="zoom">A pixel of a glyph becomes a square of so many, 1 or more.</param>
    public static int Width(string text, int zoom) => text.Length == 0 ? 0 : ((text.Length * (GlyphWidth + Gap)) - Gap) * zoom;

    /// <summary>Height of a text in pixels.</summary>
    public static int Height(int zoom) => GlyphHeight * zoom;

    /// <summary>
    /// The picture with a margin of dark grey on its left for <paramref name="rows"/> and one above for <paramref name="columns"/>: texts spread evenly, each in the middle of its share. A margin
    /// without texts is not made; a text that is too long for its column is cut.
    /// </summary>
    /// <param name="picture">1 or 3 channels.</param>
    /// <param name="rows">One text for each row of the picture's grid, or none.</param>
    /// <param name="columns">One text for each column, or none.</param>
    /// <param name="zoom">A pixel of a glyph becomes a square of so many. Default 2.</param>
    public static PngImage WithMargins(PngImage picture, IReadOnlyList<string> rows, IReadOnlyList<string> columns, int zoom = 2)
    {
        var space = 3 * zoom;
        var left = rows.Count == 0 ? 0 : rows.Max(text => Width(text, zoom)) + (2 * space);
        var top = columns.Count == 0 ? 0 : Height(zoom) + (2 * space);
        var result = new PngImage(picture.Width + left, picture.Height + top, picture.Channels, new byte[checked((picture.Width + left) * (picture.Height + top) * picture.Channels)]);
        result.Pixels.AsSpan().Fill(32);
        var bytes = picture.Width * picture.Channels;
        for (var y = 0; y < picture.Height; y++) picture.Pixels.AsSpan(y * bytes, bytes).CopyTo(result.Pixels.AsSpan(((((y + top) * result.Width) + left) * picture.Channels)));
        for (var i = 0; i < rows.Count; i++)
        {
            var middle = top + (((2 * i) + 1) * picture.Height / (2 * rows.Count));
            Draw(result, rows[i], left - space - Width(rows[i], zoom), middle - (Height(zoom) / 2), zoom);
        }

        for (var i = 0; i < columns.Count; i++)
        {
            var middle = left + (((2 * i) + 1) * picture.Width / (2 * columns.Count));
            var room = Math.Max(0, ((picture.Width / columns.Count / zoom) + Gap) / (GlyphWidth + Gap));
            var text = columns[i].Length <= room ? columns[i] : columns[i][..room];
            Draw(result, text, middle - (Width(text, zoom) / 2), space, zoom);
        }

        return result;
    }

    private static void Draw(PngImage picture, string text, int x, int y, int zoom)
    {
        foreach (var character in text)
        {
            var glyph = Glyphs.GetValueOrDefault(character);
            for (var i = 0; i < GlyphWidth * GlyphHeight; i++)
            {
                if ((glyph >> ((GlyphWidth * GlyphHeight) - 1 - i) & 1) != 0) Fill(picture, x + (i % GlyphWidth * zoom), y + (i / GlyphWidth * zoom), zoom);
            }

            x += (GlyphWidth + Gap) * zoom;
        }
    }

    private static void Fill(PngImage picture, int x, int y, int side)
    {
        for (var row = Math.Max(0, y); row < Math.Min(picture.Height, y + side); row++)
            for (var column = Math.Max(0, x); column < Math.Min(picture.Width, x + side); column++)
                picture.Pixels.AsSpan(((row * picture.Width) + column) * picture.Channels, picture.Channels).Fill(Ink);
    }
}
