using System.Security.Cryptography;
using Vae.Models.Compression;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Compression;

/// <summary>Files that were written once, on one machine, must be read by every later version on every machine, and written again byte for byte.</summary>
public class StoredFileTests
{
    // 7 pictures in blocks of 4, by the first version of the program that could compress: format 1.
    private const string
        Mlp = "iVZBRVoNChoBAAEAAQMA/woYEAABAAAACAAAAAgAAAAFAAAABwAAAAQAAAACAAAAAAAAAART6Kvbk/A0AQAAAAAAAACXkwbH50E1cIAa2I+UdkJ5h01mO8VD17p/E8ZYl/QqLWof2WglxCerardxX3P+TIiDGOUJyhDFRpPPiIF54dJ7MC4xLjAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAJwyTDyK5xlHKAAAAKplVmOY68AHabHW8O4bor0yAgAAJ4tS1ZLe3Q0Fwn3MkKMRQ20aXa4hj27ogYn/FWculnVUFTUFaT2/GupOMHHtCAAAFTqeH2h5w6kRCQOmr0eNTcSYbXSNPQY9UkYOOatba3Q=",
        Conv = "iVZBRVoNChoBAAEAAQMA/woYEAABAAAACAAAAAgAAAAEAAAABwAAAAQAAAACAAAAAAAAAB1pkGy4haTtAQAAAAAAAAAbl5BzwJ/7dNXDNFkFcOBlK+Se9mi4LLNGWmebQkHjNGof2WglxCerardxX3P+TIiDGOUJyhDFRpPPiIF54dJ7MC4xLjAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAACX3IPeK5xlHJAAAAMIXZIuY68AHhUYT6/yYU3kCAAAAcIOTj/3QjguoeQRAoewBEFsGymieIw35tkeFJYQUri5Nel+PBV3HM4dNRrsspUwhbpM/hSUluwdLX2CSjVsnOlurg4BeJ1vLuVflPA==";

    private const string Pictures = "6A1FD96825C427AB6AB7715F73FE4C888318E509CA10C54693CF888179E1D27B";

    // 3 grey pictures in blocks of 2, by the first version that knew 256 levels: format 2.
    private const string
        Grey = "iVZBRVoNChoCAAEAAgMA/woYGAABAAAACAAAAAgAAAAEAAAAAwAAAAIAAAACAAAAAAAAAHR7VdRcgARoAQAAAAAAAABxaNBpqSCMeBQZZ7Ufx/+FfTwSdHPlTvP5Jh6O41Vu93qstq/6znYf77QAnj6ClEcNGG9VoPk+udljVXHqWvmBMC4xLjAAAAAAAAAAAAAAAAAAAAAAAAAAuAAAAP4SK2BdhK51YAAAAE5FZ5gzMcowHDJi+0x7tiwuAAAAEsJoEsCx/2r+KBvQtnntj5z2//GE5ySPtXz/13KDuknT9//YltP/KqA+pT3DO5HuKGL/Qi7scbQPLuWjOnD9dQRX/yTqQ+4BGyr+RpWT/L3zkK5wd573eN4z/W/VcsMx1vXyB7IhyjLbT59h8Gb984vm/KiM1P89ns/J4e+h+TxdHM7T4ZLvI/HS/DLlQHRTrTX/R9qsp/c29/+hEbr95DmerTOwHviJcHxcjwcteHqYojH8L7IGAO0gobu0etptW+3Rm1hF5Dh4CMAE7B7tHRGZ+tru9f/fMb38gfhYdE+rpvRed27tiAZklLc7S/s8YnfdxdYLueUFU6soZiELfzya920+yP8S5pblANsM5E4=",
        GreyPictures = "7AACB6AFFACE761FEFB4009E3E8294470D186F55A0F93EB9D9635571EA5AF981";

    [Theory, InlineData(false, Mlp), InlineData(true, Conv)]
    public void A_file_of_bits_from_the_first_version_is_read_and_written_the_same(bool isConv, string stored)
    {
        using var made = new MadeModel(isConv ? MadeModel.Conv : MadeModel.Mlp);
        var model = made.Load();
        var file = Convert.FromBase64String(stored);

        var (header, pixels) = ImageDecompressor.Decompress(model, file, "stored.vaez", threads: 1);

        Assert.Equal(CodedValues.Bits, header.Values);
        Assert.Equal(Pictures, Convert.ToHexString(SHA256.HashData(pixels)));
        Assert.Equal(file, ImageCompressor.Compress(model, pixels, new CompressionOptions { BlockImages = 4, Program = "0.1.0" }).ToArray());
    }

    [Fact]
    public void A_file_of_levels_by_a_residual_network_is_read_and_written_the_same()
    {
        using var made = new MadeModel(MadeModel.Resnet with { Likelihood = Likelihood.DiscretisedLogistic });
        var model = made.Load();
        var file = Convert.FromBase64String(Grey);

        var (header, pixels) = ImageDecompressor.Decompress(model, file, "stored.vaez", threads: 1);

        Assert.Equal(CodedValues.Levels, header.Values);
        Assert.Equal(GreyPictures, Convert.ToHexString(SHA256.HashData(pixels)));
        Assert.Equal(file, ImageCompressor.Compress(model, pixels, new CompressionOptions { BlockImages = 2, Program = "0.1.0" }).ToArray());
    }
}
