using FsCheck;
using FsCheck.Fluent;
using Vae.Models.Compression;

namespace Vae.Tests.Properties.Compression;

public class AnsStackProperties
{
    // A symbol of a distribution of 2^precision: where it starts and how likely it is.
    private static readonly Gen<(uint Start, uint Frequency, int Precision)> Symbol =
        from precision in Gen.Choose(1, AnsStack.PrecisionMax)
        from first in Gen.Choose(0, int.MaxValue)
        from second in Gen.Choose(0, int.MaxValue)
        let total = 1L << precision
        let start = first % total
        let frequency = 1 + (second % (total - start))
        select ((uint)start, (uint)frequency, precision);

    private static readonly Arbitrary<(uint Start, uint Frequency, int Precision)[]> Symbols = Gen.ArrayOf(Symbol).ToArbitrary();

    private static readonly Arbitrary<int> Seeds = Gen.Choose(0, int.MaxValue).ToArbitrary();

    [Fact]
    public void What_is_pushed_is_popped_in_reverse_and_leaves_the_stack_as_it_was() => Prop.ForAll(Symbols, Seeds, (symbols, seed) =>
    {
        var stack = new AnsStack((ulong)seed);
        var before = new List<byte[]>();
        foreach (var (start, frequency, precision) in symbols)
        {
            before.Add(Bytes(stack));
            stack.Push(start, frequency, precision);
        }

        foreach (var (start, frequency, precision) in symbols.Reverse())
        {
            var peek = stack.Peek(precision);
            if (peek < start || peek - start >= frequency) return false;
            stack.Pop(start, frequency, precision);
            if (!Bytes(stack).SequenceEqual(before[^1])) return false;
            before.RemoveAt(before.Count - 1);
        }

        return stack.IsPristine;
    }).QuickCheckThrowOnFailure();

    // Popping first: the words come from the reserve, and pushing the same symbols in reverse gives them back. This is how bits-back coding begins.
    [Fact]
    public void What_is_popped_from_the_reserve_is_given_back_by_pushing_it_also_after_a_way_through_bytes() => Prop.ForAll(Gen.ArrayOf(Gen.Choose(1, 31)).ToArbitrary(), Seeds, (widths, seed) =>
    {
        var stack = new AnsStack((ulong)seed);
        var drawn = widths.Select(width => (Value: stack.PopUniform(width), Width: width)).ToArray();
        stack.Push(3, 5, 4);
        var borrowed = stack.Borrowed;

        var other = new AnsStack((ulong)seed, Bytes(stack));
        if (other.Peek(4) is not (>= 3 and < 8)) return false;
        other.Pop(3, 5, 4);
        foreach (var (value, width) in drawn.Reverse()) other.PushUniform(value, width);
        var spent = drawn.Sum(one => one.Width);
        return other.IsPristine && Math.Abs((borrowed * 32) - spent) <= 64;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_length_of_a_message_is_its_information_and_at_most_a_word_more() => Prop.ForAll(Symbols, symbols =>
    {
        var stack = new AnsStack(1);
        var bits = 0.0;
        foreach (var (start, frequency, precision) in symbols)
        {
            stack.Push(start, frequency, precision);
            bits += precision - Math.Log2(frequency);
        }

        // The state itself holds 32 to 64 bits. Rounding of the state costs a symbol less than 2^-(32 - precision) of a bit or so; at 31 bits of precision up to 2.
        var fine = symbols.Count(symbol => symbol.Precision > 24) * 2;
        return (stack.ByteLength * 8) - 96 <= bits + 32 + fine;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Drawing_from_the_reserve_gives_symbols_with_their_probabilities()
    {
        var stack = new AnsStack(7);
        uint[] starts = [0, 1, 4, 14, 16];
        var counts = new int[4];
        for (var draw = 0; draw < 16_000; draw++)
        {
            var symbol = Array.FindLastIndex(starts, start => start <= stack.Peek(4));
            stack.Pop(starts[symbol], starts[symbol + 1] - starts[symbol], 4);
            counts[symbol]++;
        }

        // Expected 1,000, 3,000, 10,000 and 2,000; the deviation is at most 62, and the draws are always the same.
        Assert.InRange(counts[0], 850, 1_150);
        Assert.InRange(counts[1], 2_750, 3_250);
        Assert.InRange(counts[2], 9_700, 10_300);
        Assert.InRange(counts[3], 1_800, 2_200);
    }

    [Fact]
    public void Bytes_that_are_no_stack_are_refused()
    {
        Assert.Throws<FormatException>(() => new AnsStack(1, new byte[7]));
        Assert.Throws<FormatException>(() => new AnsStack(1, new byte[10]));
        Assert.Throws<FormatException>(() => new AnsStack(1, new byte[8])); // The state must be 2^32 or more.
    }

    private static byte[] Bytes(AnsStack stack)
    {
        var bytes = new byte[stack.ByteLength];
        stack.Write(bytes);
        return bytes;
    }
}
