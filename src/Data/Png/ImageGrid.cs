namespace Vae.Data.Png;

/// <summary>Puts many small images into one picture: enlarged by a whole factor, so that a pixel stays a square, with thin lines between them.</summary>
public sealed record ImageGrid
{
    /// <summary>Rows of images, at least 1.</summary>
    public required int Rows { get; init; }

    /// <summary>Columns of images, at least 1.</summary>
    public required int Columns { get; init; }

    /// <summary>Each pixel becomes a square of so many. 0, the default, chooses: the largest for which an image is at most 96 pixels wide, at least 1.</summary>
    public int Zoom { get; init; }

    /// <summary>Width of the lines in pixels of the picture. Default 2.</summary>
    public int Separator { get; init; } = 2;

    /// <summary>Grey of the lines, and of places without an image. Default 96: seen beside black and beside white.</summary>
    public byte SeparatorGrey { get; init; } = DefaultGrey;

    private const byte DefaultGrey = 96;
    private const int TileTarget = 96;

    /// <summary>A grid of <paramref name="count"/> images that is about as wide as high.</summary>
    public static ImageGrid Squarish(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var columns = (int)Math.Ceiling(Math.Sqrt(count));
        return new() { Rows = (count - 1) / columns + 1, Columns = columns };
    }

    /// <summary>Draws images [n, channels, height, width] from left to right and from top to bottom; n may be less than the places.</summary>
    /// <param name="images">0 to 255.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="height">Pixels of an image from top to bottom.</param>
    /// <param name="width">Pixels of an image from left to right.</param>
    /// <exception cref="ArgumentException">The sizes do not fit together, or there are more images than places.</exception>
    public PngImage Compose(ReadOnlySpan<byte> images, int channels, int height, int width)
    {
        if (channels is not (1 or 3) || height < 1 || width < 1) throw new ArgumentException($"Images of {channels} x {height} x {width}; channels are 1 or 3, sides 1 or more.", nameof(channels));
        ArgumentOutOfRangeException.ThrowIfLessThan(Rows, 1, nameof(Rows));
        ArgumentOutOfRangeException.ThrowIfLessThan(Columns, 1, nameof(Columns));
        ArgumentOutOfRangeException.ThrowIfNegative(Separator, nameof(Separator));
        var imageBytes = channels * height * width;
        var count = images.Length / imageBytes;
        if (images.Length % imageBytes != 0 || count > Rows * Columns)
            throw new ArgumentException($"{images.Length} bytes are no whole number of images of {imageBytes} bytes, at most {Rows * Columns}.", nameof(images));

        var zoom = Zoom > 0 ? Zoom : Math.Max(1, TileTarget / Math.Max(width, height));
        var (pictureWidth, pictureHeight) = (Side(Columns, width * zoom), Side(Rows, height * zoom));
        var pixels = new byte[checked(pictureWidth * pictureHeight * channels)];
        pixels.AsSpan().Fill(SeparatorGrey);
        for (var i = 0; i < count; i++)
        {
            var (row, column) = Math.DivRem(i, Columns);
            var corner = (Separator + row * (height * zoom + Separator)) * pictureWidth + Separator + column * (width * zoom + Separator);
            DrawOne(images.Slice(i * imageBytes, imageBytes), channels, height, width, zoom, pixels, corner, pictureWidth);
        }

        return new(pictureWidth, pictureHeight, channels, pixels);
    }

    /// <summary>As the other one, for values of 0 to 1. Values outside are cut, and NaN is drawn as 0.</summary>
    public PngImage Compose(ReadOnlySpan<float> images, int channels, int height, int width)
    {
        var bytes = new byte[images.Length];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = ToByte(images[i]);
        return Compose(bytes, channels, height, width);
    }

    /// <summary>
    /// Inputs above their reconstructions: column by column a pair, <paramref name="columns"/> pairs side by side, then the next two rows.
    /// </summary>
    /// <param name="inputs">[n, channels, height, width], 0 to 1.</param>
    /// <param name="outputs">The same shape.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="height">Pixels of an image from top to bottom.</param>
    /// <param name="width">Pixels of an image from left to right.</param>
    /// <param name="columns">Pairs side by side. Default 10.</param>
    /// <exception cref="ArgumentException">The two differ in length, or are no whole number of images.</exception>
    public static PngImage Reconstructions(ReadOnlySpan<float> inputs, ReadOnlySpan<float> outputs, int channels, int height, int width, int columns = 10)
    {
        var imageSize = channels * height * width;
        if (inputs.Length != outputs.Length || inputs.Length == 0 || imageSize < 1 || inputs.Length % imageSize != 0)
            throw new ArgumentException($"{inputs.Length} values of input and {outputs.Length} of output are no pairs of images of {imageSize} values.", nameof(outputs));
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        var count = inputs.Length / imageSize;
        columns = Math.Min(columns, count);
        var bands = (count - 1) / columns + 1;
        var places = new float[bands * 2 * columns * imageSize];
        Array.Fill(places, DefaultGrey / 255f); // Places of an incomplete last band.
        for (var band = 0; band < bands; band++)
        {
            var from = band * columns * imageSize;
            var length = Math.Min(columns * imageSize, inputs.Length - from);
            inputs.Slice(from, length).CopyTo(places.AsSpan(2 * from));
            outputs.Slice(from, length).CopyTo(places.AsSpan(2 * from + columns * imageSize));
        }

        return new ImageGrid { Rows = bands * 2, Columns = columns }.Compose(places, channels, height, width);
    }

    private int Side(int tiles, int tile) => checked(Separator + tiles * (tile + Separator));

    private static byte ToByte(float value) => value > 0 ? (byte)Math.Min(255, (int)MathF.Round(Math.Min(value, 1) * 255)) : (byte)0;

    private static void DrawOne(ReadOnlySpan<byte> image, int channels, int height, int width, int zoom, Span<byte> picture, int corner, int pictureWidth)
    {
        for (var y = 0; y < height * zoom; y++)
        {
            var target = (corner + y * pictureWidth) * channels;
            var source = y / zoom * width;
            for (var x = 0; x < width * zoom; x++)
                for (var channel = 0; channel < channels; channel++)
                    picture[target++] = image[channel * height * width + source + x / zoom];
        }
    }
}
