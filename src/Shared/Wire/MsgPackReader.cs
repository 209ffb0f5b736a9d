using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Vae.Shared.Wire;

/// <summary>
/// Reads the public MessagePack format from bytes that may be hostile: every length is compared with the bytes that are left before
/// anything is allocated, and every broken rule is a <see cref="ProtocolException"/> that names it and the place. Pass it by reference.
/// </summary>
/// <param name="source">One whole body. Byte strings read from it are slices of it, not copies.</param>
public ref struct MsgPackReader(ReadOnlySpan<byte> source)
{
    /// <summary>Arrays and maps may be nested this deep. Our deepest message needs 8.</summary>
    public const int DepthMax = 16;

    private readonly ReadOnlySpan<byte> _source = source;
    private int _depth;

    /// <summary>Bytes read so far.</summary>
    public int Offset { get; private set; }

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => _source.Length - Offset;

    /// <summary>True when the next value is nil; it stays unread otherwise.</summary>
    public bool TryReadNil()
    {
        if (Peek() != MsgPackCode.Nil) return false;
        Offset++;
        return true;
    }

    /// <exception cref="ProtocolException">Anything but true or false comes next.</exception>
    public bool ReadBoolean()
    {
        var code = Peek();
        if (code is not (MsgPackCode.True or MsgPackCode.False)) ThrowType("a truth value", code);
        Offset++;
        return code == MsgPackCode.True;
    }

    /// <exception cref="ProtocolException">Anything but an integer of 32 signed bits comes next.</exception>
    public int ReadInt32()
    {
        var start = Offset;
        var value = ReadInt64();
        if (value != (int)value) Throw(ProtocolErrorKind.OutOfRange, start, $"{value} does not fit 32 bits");
        return (int)value;
    }

    /// <exception cref="ProtocolException">Anything but an integer of 64 signed bits comes next.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long ReadInt64()
    {
        var code = Peek();
        if (code > MsgPackCode.PositiveFixIntMax) return ReadInt64Slow(code);
        Offset++;
        return code;
    }

    /// <exception cref="ProtocolException">Anything but an integer of 64 unsigned bits comes next.</exception>
    public ulong ReadUInt64()
    {
        if (Peek() == MsgPackCode.UInt64) return ReadUInt64BigEndian(Take(9)[1..]);
        var start = Offset;
        var value = ReadInt64();
        if (value < 0) Throw(ProtocolErrorKind.OutOfRange, start, $"{value} is negative");
        return (ulong)value;
    }

    /// <summary>A float 64. A float 32 or an integer is widened, since other writers shorten whole numbers.</summary>
    /// <exception cref="ProtocolException">Anything but a number comes next.</exception>
    public double ReadDouble()
    {
        var code = Peek();
        if (code == MsgPackCode.Float64) return ReadDoubleBigEndian(Take(9)[1..]);
        if (code == MsgPackCode.Float32) return ReadSingleBigEndian(Take(5)[1..]);
        if (code == MsgPackCode.UInt64) return ReadUInt64();
        return ReadInt64();
    }

    /// <exception cref="ProtocolException">Anything but a float 32 comes next.</exception>
    public float ReadSingle()
    {
        var code = Peek();
        if (code != MsgPackCode.Float32) ThrowType("a float 32", code);
        return ReadSingleBigEndian(Take(5)[1..]);
    }

    /// <exception cref="ProtocolException">Anything but UTF-8 text comes next.</exception>
    public string ReadString()
    {
        var start = Offset;
        var length = ReadLength(FixedText(Peek()), MsgPackCode.Str8, "text");
        var bytes = Take(length);
        if (!Utf8.IsValid(bytes)) Throw(ProtocolErrorKind.InvalidText, start, "text is not UTF-8");
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Raw bytes, as a slice of the source.</summary>
    /// <exception cref="ProtocolException">Anything but raw bytes comes next.</exception>
    public ReadOnlySpan<byte> ReadBytes() => Take(ReadLength(-1, MsgPackCode.Bin8, "bytes"));

    /// <summary>Enters an array; each call is paired with <see cref="EndNested"/> after the last item.</summary>
    /// <returns>The number of items, never more than the bytes that are left.</returns>
    /// <exception cref="ProtocolException">Anything but an array comes next, its count cannot be true, or it is nested too deep.</exception>
    public int BeginArray()
    {
        var start = Offset;
        var code = Peek();
        var count = (code & 0xF0) == MsgPackCode.FixArray ? TakeFixed(code & 0x0F) : ReadCount(code, MsgPackCode.Array16, "an array");
        return Enter(start, count, bytesEach: 1);
    }

    /// <summary>Enters a map; each call is paired with <see cref="EndNested"/> after the last value.</summary>
    /// <returns>The number of pairs, never more than half the bytes that are left.</returns>
    /// <exception cref="ProtocolException">Anything but a map comes next, its count cannot be true, or it is nested too deep.</exception>
    public int BeginMap()
    {
        var start = Offset;
        var code = Peek();
        var count = (code & 0xF0) == MsgPackCode.FixMap ? TakeFixed(code & 0x0F) : ReadCount(code, MsgPackCode.Map16, "a map");
        return Enter(start, count, bytesEach: 2);
    }

    /// <summary>Leaves an array or map whose items were all read.</summary>
    public void EndNested() => _depth--;

    /// <summary>Reads past one value of any type, whatever is nested in it.</summary>
    /// <exception cref="ProtocolException">The value is damaged.</exception>
    public void Skip()
    {
        var code = Peek();
        switch (code)
        {
            case <= MsgPackCode.PositiveFixIntMax or >= MsgPackCode.NegativeFixInt: Take(1); break;
            case MsgPackCode.Nil or MsgPackCode.False or MsgPackCode.True: Take(1); break;
            case < MsgPackCode.FixArray or MsgPackCode.Map16 or MsgPackCode.Map32: SkipItems(2 * BeginMap()); break;
            case < MsgPackCode.FixStr or MsgPackCode.Array16 or MsgPackCode.Array32: SkipItems(BeginArray()); break;
            case < MsgPackCode.Nil or MsgPackCode.Str8 or MsgPackCode.Str16 or MsgPackCode.Str32: Take(ReadLength(FixedText(code), MsgPackCode.Str8, "text")); break;
            case MsgPackCode.Bin8 or MsgPackCode.Bin16 or MsgPackCode.Bin32: ReadBytes(); break;
            case MsgPackCode.Float32 or MsgPackCode.UInt32 or MsgPackCode.Int32: Take(5); break;
            case MsgPackCode.Float64 or MsgPackCode.UInt64 or MsgPackCode.Int64: Take(9); break;
            case MsgPackCode.UInt8 or MsgPackCode.Int8: Take(2); break;
            case MsgPackCode.UInt16 or MsgPackCode.Int16: Take(3); break;
            case MsgPackCode.Ext8 or MsgPackCode.Ext16 or MsgPackCode.Ext32: SkipExtension(); break;
            case >= MsgPackCode.FixExt1 and <= MsgPackCode.FixExt16: Take(2 + (1 << (code - MsgPackCode.FixExt1))); break;
            default: Throw(ProtocolErrorKind.InvalidCode, Offset, $"0x{code:X2} is never used"); break;
        }
    }

    /// <exception cref="ProtocolException">Bytes are left over.</exception>
    public readonly void RequireEnd()
    {
        if (Remaining > 0) Throw(ProtocolErrorKind.TrailingBytes, Offset, $"{Remaining} bytes are left over");
    }

    /// <summary>For a decoder that found a value its field cannot take.</summary>
    [DoesNotReturn]
    public static void Throw(ProtocolErrorKind kind, int offset, string detail) => throw new ProtocolException(kind, offset, detail);

    private void SkipItems(int count)
    {
        for (var i = 0; i < count; i++) Skip(); // Recursion ends at DepthMax.
        EndNested();
    }

    private void SkipExtension()
    {
        var start = Offset;
        var length = ReadLength(-1, MsgPackCode.Ext8, "an extension");
        if (length == Remaining) Throw(ProtocolErrorKind.LengthBeyondInput, start, "an extension has no room for its type");
        Take(1 + length);
    }

    private int Enter(int start, uint count, int bytesEach)
    {
        if (count > Remaining / bytesEach) Throw(ProtocolErrorKind.LengthBeyondInput, start, $"{count} items in {Remaining} bytes");
        if (++_depth > DepthMax) Throw(ProtocolErrorKind.TooDeep, start, $"nested deeper than {DepthMax}");
        return (int)count;
    }

    private static int FixedText(byte code) => (code & 0xE0) == MsgPackCode.FixStr ? code & 0x1F : -1;

    // Text, bytes and extensions share the shape "length in the code, or in 1, 2 or 4 bytes after it"; the three codes follow each other.
    private int ReadLength(int fixedLength, byte code8, string expected)
    {
        var start = Offset;
        var code = Peek();
        uint length;
        if (fixedLength >= 0) length = TakeFixed(fixedLength);
        else if (code == code8) length = Take(2)[1];
        else length = ReadCount(code, (byte)(code8 + 1), expected);
        if (length > Remaining) Throw(ProtocolErrorKind.LengthBeyondInput, start, $"{length} bytes declared, {Remaining} left");
        return (int)length;
    }

    private uint ReadCount(byte code, byte code16, string expected)
    {
        if (code == code16) return ReadUInt16BigEndian(Take(3)[1..]);
        if (code != code16 + 1) ThrowType(expected, code);
        return ReadUInt32BigEndian(Take(5)[1..]);
    }

    private uint TakeFixed(int count)
    {
        Offset++;
        return (uint)count;
    }

    private long ReadInt64Slow(byte code)
    {
        switch (code)
        {
            case >= MsgPackCode.NegativeFixInt: Offset++; return (sbyte)code;
            case MsgPackCode.UInt8: return Take(2)[1];
            case MsgPackCode.UInt16: return ReadUInt16BigEndian(Take(3)[1..]);
            case MsgPackCode.UInt32: return ReadUInt32BigEndian(Take(5)[1..]);
            case MsgPackCode.Int8: return (sbyte)Take(2)[1];
            case MsgPackCode.Int16: return ReadInt16BigEndian(Take(3)[1..]);
            case MsgPackCode.Int32: return ReadInt32BigEndian(Take(5)[1..]);
            case MsgPackCode.Int64: return ReadInt64BigEndian(Take(9)[1..]);
            case MsgPackCode.UInt64: break;
            default: ThrowType("an integer", code); break;
        }

        var start = Offset;
        var value = ReadUInt64BigEndian(Take(9)[1..]);
        if (value > long.MaxValue) Throw(ProtocolErrorKind.OutOfRange, start, $"{value} does not fit 63 bits");
        return (long)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte Peek()
    {
        if (Offset >= _source.Length) ThrowTruncated(1);
        return _source[Offset];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Take(int length)
    {
        if (Remaining < length) ThrowTruncated(length);
        var taken = _source.Slice(Offset, length);
        Offset += length;
        return taken;
    }

    [DoesNotReturn]
    private readonly void ThrowTruncated(int needed) => Throw(ProtocolErrorKind.Truncated, Offset, $"{needed} bytes needed, {Remaining} left");

    [DoesNotReturn]
    private readonly void ThrowType(string expected, byte code)
    {
        if (code == MsgPackCode.NeverUsed) Throw(ProtocolErrorKind.InvalidCode, Offset, "0xC1 is never used");
        Throw(ProtocolErrorKind.WrongType, Offset, $"{expected} expected, found code 0x{code:X2}");
    }
}
