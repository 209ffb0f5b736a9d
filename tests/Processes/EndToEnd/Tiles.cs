using Vae.Data.Png;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary>The small images that a picture of ours is put together from.</summary>
internal static class Tiles
{
    private const int Separator = 2;

    /// <summary>All tiles of a grey picture, row by row, at their true size.</summary>
    /// <param name="picture">As the program writes it: lines of 2 pixels, each pixel enlarged by a whole factor to at most 96 pixels a tile.</param>
    /// <param name="side">Pixels of one image.</param>
    public static List<byte[]> Cut(PngImage picture, int side)
    {
        Assert.Equal(1, picture.Channels);
        var zoom = 96 / side;
        var pitch = (side * zoom) + Separator;
        Assert.Equal(0, (picture.Width - Separator) % pitch);
        Assert.Equal(0, (picture.Height - Separator) % pitch);
        var tiles = new List<byte[]>();
        for (var top = Separator; top < picture.Height; top += pitch)
        {
            for (var left = Separator; left < picture.Width; left += pitch)
            {
                tiles.Add([.. Enumerable.Range(0, side * side).Select(i => picture.Pixels[((top + (i / side * zoom)) * picture.Width) + left + (i % side * zoom)])]);
            }
        }

        return tiles;
    }

    /// <summary>Pearson's correlation of two images; 0 where one of them is a single grey.</summary>
    public static double Correlation(byte[] left, byte[] right)
    {
        var (leftMean, rightMean) = (left.Average(pixel => (double)pixel), right.Average(pixel => (double)pixel));
        double both = 0, ofLeft = 0, ofRight = 0;
        for (var i = 0; i < left.Length; i++)
        {
            both += (left[i] - leftMean) * (right[i] - rightMean);
            ofLeft += (left[i] - leftMean) * (left[i] - leftMean);
            ofRight += (right[i] - rightMean) * (right[i] - rightMean);
        }

        return ofLeft * ofRight == 0 ? 0 : both / Math.Sqrt(ofLeft * ofRight);
    }
}
