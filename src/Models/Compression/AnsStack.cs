using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vae.Shared.Determinism;

namespace Vae.Models.Compression;

/// <summary>
/// A stack of symbols of known probabilities: range asymmetric numeral systems (Duda 2013, arXiv 1311.2540) with a state of 64 bits that spills words of 32. What is pushed last is popped
/// first, and popping undoes pushing bit for bit. Popping is also how bits-back coding draws: a stack of random bits gives symbols with the probabilities that the caller names.
/// <para>
/// Under the words lies an endless reserve that follows from a seed, so that drawing can begin with nothing pushed. Words taken from it are gone: they are what the first draws cost. Whoever undoes
/// every operation has them back on the stack, and <see cref="IsPristine"/> compares them with the reserve: a check over all that was decoded.
/// </para>
/// <para>There is one state and no interleaving of several: the stack takes a third of the time beside a small network (docs/compression.md), less beside a larger one, and blocks run side by side.</para>
/// </summary>
public sealed class AnsStack
{
    /// <summary>Largest precision of a distribution, in bits: the frequencies of its symbols sum to 2 to this power.</summary>
    public const int PrecisionMax = 31;

    private const int WordBits = 32;
    private const ulong Least = 1UL << WordBits; // The state lies in Least .. 2^64 - 1.

    private readonly ulong _seed;
    private uint[] _words = new uint[256];
    private int _count;
    private long _borrowed;
    private ulong _state;

    /// <summary>An empty stack over the reserve of <paramref name="seed"/>.</summary>
    public AnsStack(ulong seed)
    {
        _seed = seed;
        _state = Start;
    }

    /// <summary>The stack that <see cref="Write"/> wrote.</summary>
    /// <param name="seed">Of the reserve, the same as then.</param>
    /// <param name="content">A state and whole words.</param>
    /// <exception cref="FormatException">No stack looks like this.</exception>
    public AnsStack(ulong seed, ReadOnlySpan<byte> content)
    {
        if (content.Length < sizeof(ulong) || content.Length % sizeof(uint) != 0) throw new FormatException($"{content.Length:N0} bytes are not a state of 8 bytes and whole words of 4");
        _seed = seed;
        _state = BinaryPrimitives.ReadUInt64LittleEndian(content);
        if (_state < Least) throw new FormatException("the state of the stack is too small");
        content = content[sizeof(ulong)..];
        _count = content.Length / sizeof(uint);
        if (_count > _words.Length) _words = new uint[_count];
        content.CopyTo(MemoryMarshal.AsBytes(_words.AsSpan()));
        if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(_words.AsSpan(0, _count), _words);
    }

    /// <summary>Bytes that <see cref="Write"/> writes.</summary>
    public int ByteLength => sizeof(ulong) + (_count * sizeof(uint));

    /// <summary>Words that were taken from the reserve: what the first draws cost, 32 bits each.</summary>
    public long Borrowed => _borrowed;

    /// <summary>Whether nothing is on the stack but what was taken from the reserve, in its place. True for a new stack, and after every push and pop was undone.</summary>
    public bool IsPristine
    {
        get
        {
            if (_state != Start) return false;
            for (var i = 0; i < _count; i++)
            {
                if (_words[i] != Reserve(_count - 1 - i)) return false;
            }

            return true;
        }
    }

    private ulong Start => Least | Reserve(-1);

    /// <summary>Pushes a symbol with probability <paramref name="frequency"/> / 2^<paramref name="precision"/>.</summary>
    /// <param name="start">Sum of the frequencies of the symbols before it.</param>
    /// <param name="frequency">1 to 2^precision.</param>
    /// <param name="precision">1 to <see cref="PrecisionMax"/>.</param>
    public void Push(uint start, uint frequency, int precision)
    {
        var state = _state;
        if (state >> (64 - precision) >= frequency)
        {
            Spill((uint)state);
            state >>= WordBits;
        }

        var (quotient, remainder) = Math.DivRem(state, frequency);
        _state = (quotient << precision) + remainder + start;
    }

    /// <summary>Pushes <paramref name="bits"/> bits, each value as likely as any other.</summary>
    public void PushUniform(uint value, int bits)
    {
        var state = _state;
        if (state >> (64 - bits) != 0)
        {
            Spill((uint)state);
            state >>= WordBits;
        }

        _state = (state << bits) | value;
    }

    /// <summary>Where the symbol on top lies in 0 .. 2^precision - 1; it is popped by <see cref="Pop"/> once its start and frequency were looked up.</summary>
    public uint Peek(int precision) => (uint)(_state & ((1UL << precision) - 1));

    /// <summary>Pops the symbol whose interval holds <see cref="Peek"/>.</summary>
    public void Pop(uint start, uint frequency, int precision)
    {
        _state = (frequency * (_state >> precision)) + Peek(precision) - start;
        if (_state < Least) _state = (_state << WordBits) | Take();
    }

    /// <summary>Pops what <see cref="PushUniform"/> pushed.</summary>
    public uint PopUniform(int bits)
    {
        var value = Peek(bits);
        _state >>= bits;
        if (_state < Least) _state = (_state << WordBits) | Take();
        return value;
    }

    /// <summary>Writes state and words, <see cref="ByteLength"/> bytes.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, _state);
        for (var i = 0; i < _count; i++) BinaryPrimitives.WriteUInt32LittleEndian(target[(sizeof(ulong) + (i * sizeof(uint)))..], _words[i]);
    }

    private void Spill(uint word)
    {
        if (_count == _words.Length) Array.Resize(ref _words, _words.Length * 2);
        _words[_count++] = word;
    }

    private uint Take() => _count > 0 ? _words[--_count] : Reserve(_borrowed++);

    // Any word by its number, so that the check needs no list of what was taken.
    private uint Reserve(long index) => (uint)(Xoshiro256.MixKey(_seed, (ulong)index) >> WordBits);
}
