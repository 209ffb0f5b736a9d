namespace Vae.Data.Sprites;

/// <summary>
/// The `sprites` source: white shapes on black with dSprites' factors, drawn by the program, so that a first run needs no download. As there,
/// pixels are 0 or 255 without anti-aliasing. One difference: the 40 orientations are 9 degrees apart and all different, while dSprites counts 0 and 360
/// degrees as two. A square looks the same after 90 degrees and an ellipse after 180, here as there.
/// </summary>
public static class SpriteSource
{
    /// <summary>Rows where the user asks for no number.</summary>
    public const int DefaultCount = 10_000;

    /// <summary>Smallest and largest side of an image in pixels. Below, the smallest shape would vanish.</summary>
    public const int SizeMin = 8, SizeMax = 256;

    // Lengths for an image of side 64; other sizes scale them. Centres lie from 16.5 to 47.5 and no shape reaches further than 14.9, so none is ever cut off.
    private const double DesignSize = 64, FirstCentre = 16.5, SquareHalfSide = 10.5, EllipseLong = 14.8, EllipseShort = 8.2, HeartUnit = 11, HeartCentre = 0.29346, Reach = 14.9;

    private static readonly (double Cos, double Sin)[] Turns = MakeTurns();

    /// <summary>Draws <paramref name="count"/> different combinations of the factors. Labels are the shapes; the factors of every row are kept.</summary>
    /// <param name="count">Rows, 1 to 737,280, as long as all pixels fit one array (2 GiB).</param>
    /// <param name="size">Width and height in pixels, 8 to 256.</param>
    /// <param name="seed">The same seed gives the same bytes on every machine.</param>
    /// <exception cref="DatasetException">A number is out of its range.</exception>
    public static ImageSet Make(int count = DefaultCount, int size = 64, ulong seed = 1)
    {
        if (count is < 1 or > SpriteFactors.Combinations)
            throw new DatasetException($"sprites: count must be 1 to {SpriteFactors.Combinations:N0} (all combinations of the factors), not {count:N0}.");
        if (size is < SizeMin or > SizeMax) throw new DatasetException($"sprites: size must be {SizeMin} to {SizeMax} pixels, not {size:N0}.");
        if ((long)count * size * size > Array.MaxLength)
            throw new DatasetException($"sprites: {count:N0} images of {size} x {size} exceed 2 GiB of pixels. Take at most {Array.MaxLength / (size * size):N0}, or smaller images.");

        var factors = SpriteFactors.Draw(count, seed);
        var pixels = new byte[count * size * size];
        var labels = new byte[count];
        for (var row = 0; row < count; row++)
        {
            var values = factors.Row(row);
            labels[row] = values[0];
            Draw(values, size, pixels.AsSpan(row * size * size, size * size));
        }

        return new(1, size, size, pixels, labels, factors);
    }

    /// <summary>Draws the image of one combination.</summary>
    /// <param name="factors">Index of the value of each factor, in the order of <see cref="SpriteFactors.Names"/>.</param>
    /// <param name="size">Width and height in pixels.</param>
    /// <param name="image">[size, size], all zero before.</param>
    public static void Draw(ReadOnlySpan<byte> factors, int size, Span<byte> image)
    {
        var (cos, sin) = Turns[factors[2]];
        var zoom = size / DesignSize;
        var scale = (0.5 + factors[1] * 0.1) * zoom;
        var (centreX, centreY) = ((FirstCentre + factors[3]) * zoom, (FirstCentre + factors[4]) * zoom);
        var reach = Reach * scale;
        var (top, bottom) = (Math.Max(0, (int)(centreY - reach)), Math.Min(size - 1, (int)(centreY + reach)));
        var (left, right) = (Math.Max(0, (int)(centreX - reach)), Math.Min(size - 1, (int)(centreX + reach)));
        for (var y = top; y <= bottom; y++)
        {
            var dy = (y + 0.5 - centreY) / scale;
            for (var x = left; x <= right; x++)
            {
                var dx = (x + 0.5 - centreX) / scale;
                if (IsInside(factors[0], cos * dx + sin * dy, cos * dy - sin * dx)) image[y * size + x] = 255;
            }
        }
    }

    // u to the right and v downwards, in design pixels, in the shape's own frame.
    private static bool IsInside(byte shape, double u, double v)
    {
        switch (shape)
        {
            case 0:
                return Math.Abs(u) <= SquareHalfSide && Math.Abs(v) <= SquareHalfSide;
            case 1:
                var (p, q) = (u / EllipseLong, v / EllipseShort);
                return p * p + q * q <= 1;
            default: // The heart curve (x^2 + y^2 - 1)^3 = x^2 y^3, y upwards, moved so that it turns about its centre of mass.
                var (x, y) = (u / HeartUnit, HeartCentre - v / HeartUnit);
                var round = x * x + y * y - 1;
                return round * round * round - x * x * y * y * y <= 0;
        }
    }

    // Rounded to 2^-40: the last bit of a sine differs between C libraries, and one differing pixel would be another fingerprint.
    private static (double Cos, double Sin)[] MakeTurns()
    {
        const double grain = 1L << 40;
        var turns = new (double, double)[SpriteFactors.Sizes[2]];
        for (var i = 0; i < turns.Length; i++)
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * i / turns.Length);
            turns[i] = (Math.Round(cos * grain) / grain, Math.Round(sin * grain) / grain);
        }

        return turns;
    }
}
