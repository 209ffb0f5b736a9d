using Vae.Data;
using Vae.Data.Png;

namespace Vae.Tests.Unit.Data;

public class PictureTextTests
{
    [Fact]
    public void Margins_keep_the_picture_and_are_made_only_for_texts()
    {
        var picture = new PngImage(40, 20, 1, [.. Enumerable.Range(0, 800).Select(i => (byte)i)]);

        Assert.Equal(picture.Pixels, PixelText.WithMargins(picture, [], []).Pixels);
        var framed = PixelText.WithMargins(picture, ["1", "-7.0"], ["0", "1"], zoom: 1);
        var (left, top) = (PixelText.Width("-7.0", 1) + 6, PixelText.Height(1) + 6);
        Assert.Equal((40 + left, 20 + top), (framed.Width, framed.Height));
        for (var y = 0; y < 20; y++) Assert.Equal(picture.Pixels[(40 * y)..(40 * (y + 1))], framed.Pixels[(((y + top) * framed.Width) + left)..][..40]);
    }

    [Fact]
    public void A_text_too_long_for_its_column_stays_inside_the_picture()
    {
        var framed = PixelText.WithMargins(new PngImage(6, 4, 3, new byte[72]), [], ["123456789", "1"], zoom: 2);

        Assert.Equal(6, framed.Width);
    }

    [Fact]
    public void Heat_grows_lighter_all_the_way()
    {
        float[] values = [.. Enumerable.Range(0, 101).Select(i => i / 100f)];

        var colours = HeatColours.Paint(values, 101, 1);

        var lightness = Enumerable.Range(0, 101).Select(i => (0.2126 * colours[i]) + (0.7152 * colours[101 + i]) + (0.0722 * colours[202 + i])).ToArray();
        Assert.All(lightness.Zip(lightness.Skip(1)), pair => Assert.True(pair.Second > pair.First));
        Assert.Equal(colours[100], HeatColours.Paint([5], 1, 1)[0]);
    }

    [Fact]
    public void A_picture_becomes_a_row_of_the_models_channels()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("colour.png", new PngImage(2, 1, 3, [255, 0, 0, 10, 20, 30]));

        Assert.Equal([255, 10, 0, 20, 0, 30], PngRows.ReadFile(path, 3, 1, 2));
        Assert.Equal([76, 18], PngRows.ReadFile(path, 1, 1, 2)); // 0.299 of red; 0.299 x 10 + 0.587 x 20 + 0.114 x 30.
        Assert.Equal([100, 100, 100], PngRows.ReadFile(folder.Write("half.png", new PngImage(1, 1, 2, [200, 128])), 3, 1, 1));
        Assert.Contains("2 x 1", Assert.Throws<DatasetException>(() => PngRows.ReadFile(path, 1, 2, 2)).Message);
        Assert.True(PngRows.IsPng(path));
        Assert.False(PngRows.IsPng(path + ".missing"));
    }

    private sealed class TemporaryFolder : IDisposable
    {
        private readonly string _path = Directory.CreateTempSubdirectory("vae-pictures-").FullName;

        public string Write(string name, PngImage picture)
        {
            var path = Path.Combine(_path, name);
            PngWriter.WriteFile(path, picture);
            return path;
        }

        public void Dispose() => Directory.Delete(_path, recursive: true);
    }
}
