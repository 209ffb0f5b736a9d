using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class NoiseTests
{
    // Known answers of Random123 (Salmon et al.), file kat_vectors, philox4x32 with 10 rounds.
    public static TheoryData<uint[], uint[], uint[]> KnownAnswers => new()
    {
        { [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
        { [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd] },
        { [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1] },
    };

    [Theory, MemberData(nameof(KnownAnswers))]
    public void Philox_gives_the_published_answers(uint[] counter, uint[] key, uint[] expected)
    {
        var block = new uint[4];
        Noise.Block(counter, key, block);
        Assert.Equal(expected, block);
    }

    [Theory]
    [InlineData(17, 5)]
    [InlineData(128, 16)]
    [InlineData(64, 784)]
    public void Any_rows_filled_alone_have_the_bits_of_the_whole(int rows, int width)
    {
        using var scope = NewDisposeScope();
        Tensor whole = empty([rows, width]), uniform = empty([rows, width]);
        Noise.FillNormal(whole, 11, 3, 0);
        Noise.FillUniform(uniform, 11, 3, 0);
        foreach (var (first, count) in ((int, int)[])[(0, 1), (1, rows - 1), (rows / 3, rows / 2), (rows - 1, 1)])
        {
            var part = empty([count, width]);
            Noise.FillNormal(part, 11, 3, first);
            Assert.True(TorchSupport.SameBits(whole.narrow(0, first, count), part));
            Noise.FillUniform(part, 11, 3, first);
            Assert.True(TorchSupport.SameBits(uniform.narrow(0, first, count), part));
        }
    }

    [Fact]
    public void Numbers_are_the_words_of_the_generator_by_the_written_formulas()
    {
        using var scope = NewDisposeScope();
        Tensor normal = empty([3, 700]), uniform = empty([3, 700]);
        Noise.FillNormal(normal, 0x1234_5678_9abc_def0, 42, 1);
        Noise.FillUniform(uniform, 0x1234_5678_9abc_def0, 42, 1);
        var (z, u) = (normal.ToArray<float>(), uniform.ToArray<float>());
        var block = new uint[4];
        for (var i = 0; i < z.Length; i++)
        {
            var index = 700 + i;
            Noise.Block([(uint)(index / 4), 0, 42, 0], [0x9abc_def0, 0x1234_5678], block);
            Assert.Equal((block[index % 4] >> 8) / 16777216f, u[i]);
            var pair = index % 4 / 2 * 2;
            var radius = Math.Sqrt(-2 * Math.Log(((block[pair] >> 8) + 1) / 16777216.0));
            var angle = 2 * Math.PI * (block[pair + 1] >> 8) / 16777216.0;
            var expected = radius * (index % 2 == 0 ? Math.Cos(angle) : Math.Sin(angle));
            Assert.Equal(expected, z[i], 2e-6);
        }
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_a_normal_distribution()
    {
        using var scope = NewDisposeScope();
        const int n = 1_000_000;
        var sample = empty([n, 1]);
        Noise.FillNormal(sample, 5, 0, 0);
        var x = sample.to(float64);

        // Five standard errors: of the mean 1/sqrt(n), of E x^2 sqrt(2/n), of E x^3 sqrt(15/n), of E x^4 sqrt(96/n).
        Assert.Equal(0, x.mean().item(), 5 / Math.Sqrt(n));
        Assert.Equal(1, x.pow(2).mean().item(), 5 * Math.Sqrt(2.0 / n));
        Assert.Equal(0, x.pow(3).mean().item(), 5 * Math.Sqrt(15.0 / n));
        Assert.Equal(3, x.pow(4).mean().item(), 5 * Math.Sqrt(96.0 / n));
    }

    [Fact]
    public void Another_seed_or_stream_gives_unrelated_numbers()
    {
        using var scope = NewDisposeScope();
        Tensor a = empty([100_000, 1]), b = empty([100_000, 1]), c = empty([100_000, 1]);
        Noise.FillNormal(a, 1, 1, 0);
        Noise.FillNormal(b, 2, 1, 0);
        Noise.FillNormal(c, 1, 2, 0);

        foreach (var other in (Tensor[])[b, c]) Assert.Equal(0, (a * other).mean().item(), 5 / Math.Sqrt(100_000));
    }

    [Fact]
    public void Bytes_become_numbers_in_all_three_ways()
    {
        using var scope = NewDisposeScope();
        var bytes = Enumerable.Range(0, 256 * 4).Select(static i => (byte)i).ToArray();
        var data = tensor(bytes, [4, 256]);
        var target = empty([2, 256]);

        Fused.gather_rows(data, [3, 1], target, ByteConversion.Scale);
        Assert.Equal(bytes[..256].Concat(bytes[..256]).Select(static v => v / 255f), target.ToArray<float>());
        Fused.gather_rows(data, [3, 1], target, ByteConversion.FixedBits);
        Assert.Equal(bytes[..256].Concat(bytes[..256]).Select(static v => v >= 128 ? 1f : 0f), target.ToArray<float>());
        Fused.gather_rows(data, [3, 1], target, ByteConversion.RandomBits, seed: 9, stream: 4, firstRow: 6);
        var uniform = empty([2, 256]);
        Noise.FillUniform(uniform, 9, 4, 6);
        var u = uniform.ToArray<float>();
        Assert.Equal(u.Select((value, i) => value * 255.0 < i % 256 ? 1f : 0f), target.ToArray<float>());
    }

    [Fact]
    public void Random_bits_follow_the_pixel_and_any_slice_agrees_with_the_whole()
    {
        using var scope = NewDisposeScope();
        const int n = 4000;
        var data = tensor([0, 51, 128, 255], [1, 4]);
        var rows = new long[n];
        Tensor whole = empty([n, 4]), part = empty([100, 4]);
        Fused.gather_rows(data, rows, whole, ByteConversion.RandomBits, 1, 2, 0);
        Fused.gather_rows(data, rows.AsSpan(0, 100), part, ByteConversion.RandomBits, 1, 2, 333);

        var mean = whole.mean(0).ToArray<float>();
        Assert.Equal(0, mean[0]);
        Assert.Equal(51 / 255.0, mean[1], 5 * Math.Sqrt(0.16 / n));
        Assert.Equal(128 / 255.0, mean[2], 5 * Math.Sqrt(0.25 / n));
        Assert.Equal(1, mean[3]);
        Assert.True(TorchSupport.SameBits(whole.narrow(0, 333, 100), part));
    }

    [Fact]
    public void Other_types_take_the_general_path_to_the_same_numbers()
    {
        using var scope = NewDisposeScope();
        var data = tensor(Enumerable.Range(0, 64 * 37).Select(static i => (byte)(i * 7)).ToArray(), [64, 37]);
        long[] rows = [5, 0, 63, 5];
        foreach (var conversion in Enum.GetValues<ByteConversion>())
        {
            Tensor fast = empty([4, 37]), general = empty([4, 37], float64);
            Fused.gather_rows(data, rows, fast, conversion, 8, 1, 10);
            Fused.gather_rows(data, rows, general, conversion, 8, 1, 10);
            TorchSupport.Close(general, fast, 1e-7);
        }
    }

    [Fact]
    public void A_row_outside_the_data_set_is_named()
    {
        using var scope = NewDisposeScope();
        var data = tensor(new byte[12], [3, 4]);
        var target = empty([1, 4]);

        var error = Assert.Throws<TorchException>(() => Fused.gather_rows(data, [3], target, ByteConversion.Scale));

        Assert.Contains("row 3 is outside 0 .. 2", error.Message, StringComparison.Ordinal);
    }
}
