using System.Buffers.Binary;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Models.Compression;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Compression;

public class CompressionTests
{
    private const string Name = "x.vaez";

    public static TheoryData<bool, int, int> Kinds => new() { { false, 1, 1 }, { false, 37, 10 }, { true, 9, 4 }, { true, 1, 100 } };

    [Theory, MemberData(nameof(Kinds))]
    public void What_is_compressed_comes_back_bit_for_bit(bool isConv, int images, int block)
    {
        using var made = new MadeModel(isConv ? MadeModel.Conv : MadeModel.Mlp);
        var model = made.Load();
        var pixels = made.Pictures(images);

        var file = ImageCompressor.Compress(model, pixels, new CompressionOptions { BlockImages = block, Program = "1.2.3" }).ToArray();
        var (header, back) = ImageDecompressor.Decompress(made.Load(), file, Name, threads: 2);

        Assert.Equal(pixels, back);
        Assert.Equal((images, (images + block - 1) / block, "1.2.3"), (header.Images, header.Blocks.Count, header.Program));
    }

    [Theory, InlineData(3), InlineData(1)]
    public void Colour_and_images_that_are_not_square_come_back(int channels)
    {
        using var made = new MadeModel(MadeModel.Conv, new ImageShape(channels, 8, 12));
        var pixels = made.Pictures(6);

        var file = ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray();
        var (header, back) = ImageDecompressor.Decompress(made.Load(), file, Name, 1);

        Assert.Equal(pixels, back);
        Assert.Equal(channels == 1 ? 3 : 4, header.IdxDimensions);
    }

    [Theory]
    [InlineData(Activation.Relu)]
    [InlineData(Activation.LeakyRelu)]
    [InlineData(Activation.Elu)]
    [InlineData(Activation.Gelu)]
    public void Every_activation_codes(Activation activation)
    {
        using var made = new MadeModel(MadeModel.Mlp with { Activation = activation });
        var pixels = made.Pictures(5);

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    [Fact]
    public void The_bytes_do_not_depend_on_the_threads()
    {
        using var made = new MadeModel();
        var pixels = made.Pictures(50);

        var files = ((int[])[1, 2, 7]).Select(threads => ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions { BlockImages = 4, Threads = threads }).ToArray()).ToArray();

        Assert.All(files, file => Assert.Equal(files[0], file));
        Assert.NotEqual(files[0], ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions { BlockImages = 4, Seed = 2 }).ToArray());
    }

    [Theory, InlineData(0, 1), InlineData(3, 200), InlineData(0, 255)]
    public void Any_two_levels_come_back(byte low, byte high)
    {
        using var made = new MadeModel();
        var pixels = made.Pictures(4).Select(pixel => pixel == 0 ? low : high).ToArray();

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    [Theory, InlineData(0), InlineData(100), InlineData(128), InlineData(255)]
    public void Images_of_one_level_come_back(byte level)
    {
        using var made = new MadeModel();
        var pixels = Enumerable.Repeat(level, 2 * made.Image.Values).ToArray();

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    [Fact]
    public void Grey_images_are_refused_with_the_reason_and_the_remedy()
    {
        using var made = new MadeModel();
        var pixels = made.Pictures(2);
        pixels[5] = 77;

        var told = Assert.Throws<DatasetException>(() => ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()));

        Assert.Contains("3 different grey values", told.Message, StringComparison.Ordinal);
        Assert.Contains("--binarize fixed", told.Message, StringComparison.Ordinal);
    }

    // A small file, so that every byte of header, index and blocks can be tried in every bit.
    [Fact]
    public void A_file_with_one_bit_changed_anywhere_is_refused()
    {
        using var made = new MadeModel();
        var model = made.Load();
        var file = ImageCompressor.Compress(model, made.Pictures(12), new CompressionOptions { BlockImages = 5 }).ToArray();

        for (var bit = 0; bit < file.Length * 8; bit++)
        {
            var damaged = (byte[])file.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            var told = Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, damaged, Name, 1));
            Assert.StartsWith(Name, told.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_cut_off_anywhere_or_longer_is_refused()
    {
        using var made = new MadeModel();
        var model = made.Load();
        var file = ImageCompressor.Compress(model, made.Pictures(7), new CompressionOptions { BlockImages = 3 }).ToArray();

        for (var length = 0; length < file.Length; length++) Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, file.AsMemory(0, length), Name, 1));
        Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, (byte[])[.. file, 0], Name, 1));
    }

    // With checksums made good again a change must still be found: by the reserve, by the images' checksums, or by the rules of the header.
    [Fact]
    public void A_block_that_lies_with_right_checksums_is_refused()
    {
        using var made = new MadeModel();
        var model = made.Load();
        var packed = ImageCompressor.Compress(model, made.Pictures(6), new CompressionOptions());
        var block = packed.Blocks[0];

        for (var at = 0; at < block.Length; at++)
        {
            var lie = (byte[])block.Clone();
            lie[at] ^= 1;
            var header = packed.Header with { Blocks = [packed.Header.Blocks[0] with { Checksum = Crc32C.Of(lie) }] };
            Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, new CompressedImages(header, [lie], 0).ToArray(), Name, 1));
        }
    }

    [Fact]
    public void Another_model_is_refused_by_name()
    {
        using var made = new MadeModel();
        using var other = new MadeModel(seed: 2);
        var file = ImageCompressor.Compress(made.Load(), made.Pictures(3), new CompressionOptions()).ToArray();

        var told = Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(other.Load(), file, Name, 1));

        Assert.Contains($"expected the model {Convert.ToHexStringLower(made.Load().Fingerprint.Span[..8])}", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_weight_changed_in_its_last_bit_is_another_model_and_another_label_is_not()
    {
        using var made = new MadeModel();
        using var same = new MadeModel();
        using var changed = new MadeModel(change: tensors => tensors["output.bias"].Values[3] = MathF.BitIncrement(tensors["output.bias"].Values[3]));

        Assert.Equal(made.Load().Fingerprint.ToArray(), same.Load().Fingerprint.ToArray());
        Assert.NotEqual(made.Load().Fingerprint.ToArray(), changed.Load().Fingerprint.ToArray());
    }

    [Fact]
    public void Another_arithmetic_is_found_before_anything_is_decoded()
    {
        using var made = new MadeModel();
        var model = made.Load();
        var packed = ImageCompressor.Compress(model, made.Pictures(3), new CompressionOptions());

        var elsewhere = packed with { Header = packed.Header with { Probe = packed.Header.Probe ^ 1 } };
        var told = Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, elsewhere.ToArray(), Name, 1));

        Assert.Contains("arithmetic", told.Message, StringComparison.Ordinal);
    }

    public static TheoryData<int, int, uint> Lies => new()
    {
        { 8, 2, 2 }, { 10, 2, 9 }, { 12, 1, 2 }, { 13, 1, 5 }, { 14, 1, 255 }, { 16, 1, 3 }, { 17, 1, 25 }, { 18, 1, 31 }, { 20, 4, 2 }, { 24, 4, 0 }, { 28, 4, 5_000 }, { 32, 4, 100_000 },
        { 36, 4, 0 }, { 36, 4, uint.MaxValue }, { 40, 4, 0 }, { 40, 4, 70_000 }, { 44, 4, 0 }, { 44, 4, uint.MaxValue },
    };

    [Theory, MemberData(nameof(Lies))]
    public void A_header_out_of_bounds_is_refused_also_when_its_checksum_is_right(int offset, int bytes, uint value)
    {
        using var made = new MadeModel();
        var model = made.Load();
        var packed = ImageCompressor.Compress(model, made.Pictures(3), new CompressionOptions());
        var file = packed.ToArray();
        for (var i = 0; i < bytes; i++) file[offset + i] = (byte)(value >> (8 * i));
        var end = packed.Header.ByteLength - sizeof(uint);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(end), Crc32C.Of(file.AsSpan(0, end)));

        Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, file, Name, 1));
    }

    [Fact]
    public void What_cannot_code_says_why()
    {
        using var gaussian = new MadeModel(MadeModel.Mlp with { Likelihood = Likelihood.Gaussian });
        Assert.Contains("Gaussian likelihood is a density", Assert.Throws<DatasetException>(gaussian.Load).Message, StringComparison.Ordinal);

        using var infinite = new MadeModel(change: tensors => tensors["posterior.weight"].Values[7] = float.NaN);
        Assert.Contains("posterior.weight", Assert.Throws<SafetensorsException>(infinite.Load).Message, StringComparison.Ordinal);

        using var misshapen = new MadeModel(change: tensors => tensors["output.bias"] = ([63], new float[63]));
        Assert.Contains("its shape is [63]", Assert.Throws<SafetensorsException>(misshapen.Load).Message, StringComparison.Ordinal);

        using var odd = new MadeModel(MadeModel.Conv, new ImageShape(1, 8, 10));
        Assert.Contains("cannot halve", Assert.Throws<SafetensorsException>(odd.Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_is_obeyed()
    {
        using var made = new MadeModel();
        Assert.ThrowsAny<OperationCanceledException>(() => ImageCompressor.Compress(made.Load(), made.Pictures(3), new CompressionOptions(), new CancellationToken(canceled: true)));
    }

    // The model is bad at these images, so the rate is high; what it must not be is far from the model's own bound.
    [Fact]
    public void The_length_is_the_models_own_bound()
    {
        using var made = new MadeModel();
        var model = made.Load();
        var pixels = made.Pictures(3_000);

        var packed = ImageCompressor.Compress(model, pixels, new CompressionOptions { BlockImages = 3_000 });
        var bound = ImageCompressor.Bound(model, pixels, new CompressionOptions()) * 3_000 / Math.Log(2);

        Assert.InRange(packed.ByteLength * 8 / bound, 0.99, 1.02);
    }
}
