using System.Buffers.Binary;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Models.Compression;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Compression;

/// <summary>Images of 256 levels, by models with a discretised logistic likelihood.</summary>
public class GreyCompressionTests
{
    private const string Name = "x.vaez";

    private static readonly ModelSpec Mlp = MadeModel.Mlp with { Likelihood = Likelihood.DiscretisedLogistic };

    [Theory]
    [InlineData(Architecture.Mlp, 1)]
    [InlineData(Architecture.Conv, 1)]
    [InlineData(Architecture.Conv, 3)]
    [InlineData(Architecture.Resnet, 3)]
    public void Grey_and_colour_images_come_back_bit_for_bit(Architecture architecture, int channels)
    {
        using var made = new MadeModel(SpecOf(architecture), new ImageShape(channels, 8, 12));
        var pixels = made.GreyPictures(11);

        var file = ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions { BlockImages = 4 }).ToArray();
        var (header, back) = ImageDecompressor.Decompress(made.Load(), file, Name, threads: 2);

        Assert.Equal(pixels, back);
        Assert.Equal((CodedValues.Levels, channels == 1 ? 3 : 4), (header.Values, header.IdxDimensions));
    }

    [Theory, InlineData(32), InlineData(64)]
    public void Pictures_of_32_and_64_pixels_come_back(int side)
    {
        using var made = new MadeModel(SpecOf(Architecture.Conv) with { Channels = [4, 4, 8] }, new ImageShape(1, side, side));
        var pixels = made.GreyPictures(2);

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    [Fact]
    public void Residual_networks_code_bits_too()
    {
        using var made = new MadeModel(MadeModel.Resnet);
        var pixels = made.Pictures(9);

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    // What no likelihood expects: both ends, in turn, in every pixel.
    [Fact]
    public void Images_that_the_model_holds_for_impossible_come_back()
    {
        using var made = new MadeModel(Mlp, change: tensors => tensors["observation_log_scale"] = ([], [-9]));
        var pixels = Enumerable.Range(0, 3 * made.Image.Values).Select(i => i % 2 == 0 ? byte.MinValue : byte.MaxValue).ToArray();

        Assert.Equal(pixels, ImageDecompressor.Decompress(made.Load(), ImageCompressor.Compress(made.Load(), pixels, new CompressionOptions()).ToArray(), Name, 1).Pixels);
    }

    [Fact]
    public void A_file_with_one_bit_changed_anywhere_is_refused()
    {
        using var made = new MadeModel(Mlp);
        var model = made.Load();
        var file = ImageCompressor.Compress(model, made.GreyPictures(5), new CompressionOptions { BlockImages = 2 }).ToArray();

        for (var bit = 0; bit < file.Length * 8; bit++)
        {
            var damaged = (byte[])file.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, damaged, Name, 1));
        }
    }

    // Format, likelihood, levels, bits of a probability: as a file of bits has them.
    [Theory, InlineData(8, 1), InlineData(12, 1), InlineData(12, 3), InlineData(14, 3), InlineData(15, 200), InlineData(18, 11)]
    public void A_header_that_says_another_kind_of_data_is_refused_also_when_its_checksum_is_right(int offset, byte value)
    {
        using var made = new MadeModel(Mlp);
        var model = made.Load();
        var packed = ImageCompressor.Compress(model, made.GreyPictures(3), new CompressionOptions());
        var file = packed.ToArray();
        file[offset] = value;
        var end = packed.Header.ByteLength - sizeof(uint);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(end), Crc32C.Of(file.AsSpan(0, end)));

        Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(model, file, Name, 1));
    }

    [Fact]
    public void A_model_of_bits_with_the_same_weights_is_refused()
    {
        using var levels = new MadeModel(Mlp);
        using var bits = new MadeModel();
        var file = ImageCompressor.Compress(levels.Load(), levels.GreyPictures(3), new CompressionOptions()).ToArray();

        Assert.Contains("expected the model", Assert.Throws<DatasetException>(() => ImageDecompressor.Decompress(bits.Load(), file, Name, 1)).Message, StringComparison.Ordinal);
    }

    // Neither shows in the shape of a tensor of a network's layers.
    [Fact]
    public void Another_scale_or_number_of_groups_is_another_model()
    {
        using var made = new MadeModel(SpecOf(Architecture.Resnet));
        using var scaled = new MadeModel(made.Spec, change: tensors => tensors["observation_log_scale"] = ([], [MathF.BitIncrement(-2)]));
        using var grouped = new MadeModel(made.Spec with { Groups = 1 });

        Assert.NotEqual(made.Load().Fingerprint.ToArray(), scaled.Load().Fingerprint.ToArray());
        Assert.NotEqual(made.Load().Fingerprint.ToArray(), grouped.Load().Fingerprint.ToArray());
    }

    [Fact]
    public void What_cannot_code_says_why()
    {
        using var density = new MadeModel(MadeModel.Mlp with { Likelihood = Likelihood.ContinuousBernoulli });
        var told = Assert.Throws<DatasetException>(density.Load).Message;
        Assert.Contains("continuous Bernoulli likelihood is a density", told, StringComparison.Ordinal);
        Assert.Contains("discretised_logistic", told, StringComparison.Ordinal);

        using var endless = new MadeModel(Mlp, change: tensors => tensors["observation_log_scale"] = ([], [float.PositiveInfinity]));
        Assert.Contains("observation_log_scale", Assert.Throws<SafetensorsException>(endless.Load).Message, StringComparison.Ordinal);

        using var uneven = new MadeModel(MadeModel.Resnet with { Groups = 4 });
        Assert.Contains("4 groups", Assert.Throws<SafetensorsException>(uneven.Load).Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(Architecture.Mlp), InlineData(Architecture.Resnet)]
    public void The_length_is_the_models_own_bound(Architecture architecture)
    {
        using var made = new MadeModel(SpecOf(architecture));
        var model = made.Load();
        var pixels = made.GreyPictures(500);

        var packed = ImageCompressor.Compress(model, pixels, new CompressionOptions { BlockImages = 500 });
        var bound = ImageCompressor.Bound(model, pixels, new CompressionOptions()) * 500 / Math.Log(2);

        Assert.InRange(packed.ByteLength * 8 / bound, 0.99, 1.02);
    }

    private static ModelSpec SpecOf(Architecture architecture)
    {
        var spec = architecture switch { Architecture.Mlp => MadeModel.Mlp, Architecture.Conv => MadeModel.Conv, _ => MadeModel.Resnet };
        return spec with { Likelihood = Likelihood.DiscretisedLogistic };
    }
}
