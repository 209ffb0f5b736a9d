using System.Security.Cryptography;
using Vae.Models.Compression;

namespace Vae.Tests.Unit.Compression;

/// <summary>Files that were written once, on one machine, must be read by every later version on every machine, and written again byte for byte.</summary>
public class StoredFileTests
{
    // 7 pictures in blocks of 4, by the first version of the program that could compress: format 1.
    private const string
        Mlp = "iVZBRVoNChoBAAEAAQMA/woYEAABAAAACAAAAAgAAAAFAAAABwAAAAQAAAACAAAAAAAAAART6Kvbk/A0AQAAAAAAAACXkwbH50E1cIAa2I+UdkJ5h01mO8VD17p/E8ZYl/QqLWof2WglxCerardxX3P+TIiDGOUJyhDFRpPPiIF54dJ7MC4xLjAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAJwyTDyK5xlHKAAAAKplVmOY68AHabHW8O4bor0yAgAAJ4tS1ZLe3Q0Fwn3MkKMRQ20aXa4hj27ogYn/FWculnVUFTUFaT2/GupOMHHtCAAAFTqeH2h5w6kRCQOmr0eNTcSYbXSNPQY9UkYOOatba3Q=",
        Conv = "iVZBRVoNChoBAAEAAQMA/woYEAABAAAACAAAAAgAAAAEAAAABwAAAAQAAAACAAAAAAAAAB1pkGy4haTtAQAAAAAAAAAbl5BzwJ/7dNXDNFkFcOBlK+Se9mi4LLNGWmebQkHjNGof2WglxCerardxX3P+TIiDGOUJyhDFRpPPiIF54dJ7MC4xLjAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAACX3IPeK5xlHJAAAAMIXZIuY68AHhUYT6/yYU3kCAAAAcIOTj/3QjguoeQRAoewBEFsGymieIw35tkeFJYQUri5Nel+PBV3HM4dNRrsspUwhbpM/hSUluwdLX2CSjVsnOlurg4BeJ1vLuVflPA==";

    private const string Pictures = "6A1FD96825C427AB6AB7715F73FE4C888318E509CA10C54693CF888179E1D27B";

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
}
