using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Vae.Shared.Wire;

/// <summary>
/// Writes the public MessagePack format, always in its smallest encoding (a double stays a float 64, so that its bits survive).
/// Pass it by reference, and call <see cref="Flush"/> before the buffer behind it is read.
/// </summary>
/// <param name="output">Receives the bytes.</param>
public ref struct MsgPackWriter(IBufferWriter<byte> output)
{
    // One code byte and at most eight bytes of number: what every call but text and bytes needs.
    private const int HeadMax = 9;

    private Span<byte> _free;
    private int _used;

    /// <summary>Hands what was written to the buffer.</summary>
    public void Flush()
    {
        if (_used > 0) output.Advance(_used);
        _used = 0;
        _free = default;
    }

    /// <summary>Writes "no value".</summary>
    public void WriteNil() => WriteByte(MsgPackCode.Nil);

    /// <summary>Writes a truth value.</summary>
    public void Write(bool value) => WriteByte(value ? MsgPackCode.True : MsgPackCode.False);

    /// <summary>Writes a signed integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(long value)
    {
        if ((ulong)value <= MsgPackCode.PositiveFixIntMax) WriteByte((byte)value);
        else if (value >= 0) WriteLarge((ulong)value);
        else WriteNegative(value);
    }

    /// <summary>Writes an unsigned integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(ulong value)
    {
        if (value <= MsgPackCode.PositiveFixIntMax) WriteByte((byte)value);
        else WriteLarge(value);
    }

    /// <summary>Writes 4 bytes of IEEE 754.</summary>
    public void Write(float value)
    {
        var head = Reserve(HeadMax);
        head[0] = MsgPackCode.Float32;
        WriteSingleBigEndian(head[1..], value);
        _used += 5;
    }

    /// <summary>Writes 8 bytes of IEEE 754.</summary>
    public void Write(double value)
    {
        var head = Reserve(HeadMax);
        head[0] = MsgPackCode.Float64;
        WriteDoubleBigEndian(head[1..], value);
        _used += 9;
    }

    /// <summary>Writes UTF-8 text. Half of a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD.</summary>
    public void Write(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var length = Encoding.UTF8.GetByteCount(value);
        if (length < 32) WriteByte((byte)(MsgPackCode.FixStr | length));
        else WriteLength(length, MsgPackCode.Str8, MsgPackCode.Str16, MsgPackCode.Str32);
        Encoding.UTF8.GetBytes(value, Reserve(length));
        _used += length;
    }

    /// <summary>Writes raw bytes.</summary>
    public void Write(scoped ReadOnlySpan<byte> value)
    {
        WriteBytesHeader(value.Length);
        value.CopyTo(Reserve(value.Length));
        _used += value.Length;
    }

    /// <summary>Announces raw bytes that the caller sends itself, straight from where they lie.</summary>
    public void WriteBytesHeader(int length) => WriteLength(length, MsgPackCode.Bin8, MsgPackCode.Bin16, MsgPackCode.Bin32);

    /// <summary>Announces an array; its <paramref name="count"/> items follow.</summary>
    public void WriteArrayHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count < 16) WriteByte((byte)(MsgPackCode.FixArray | count));
        else WriteCount(count, MsgPackCode.Array16, MsgPackCode.Array32);
    }

    /// <summary>Announces a map; its <paramref name="count"/> pairs of key and value follow.</summary>
    public void WriteMapHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count < 16) WriteByte((byte)(MsgPackCode.FixMap | count));
        else WriteCount(count, MsgPackCode.Map16, MsgPackCode.Map32);
    }

    /// <summary>Writes an application-defined value of <paramref name="type"/>.</summary>
    public void WriteExtension(sbyte type, scoped ReadOnlySpan<byte> value)
    {
        var fixedSize = value.Length is 1 or 2 or 4 or 8 or 16;
        if (fixedSize) WriteByte((byte)(MsgPackCode.FixExt1 + int.Log2(value.Length)));
        else WriteLength(value.Length, MsgPackCode.Ext8, MsgPackCode.Ext16, MsgPackCode.Ext32);
        WriteByte((byte)type);
        value.CopyTo(Reserve(value.Length));
        _used += value.Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteByte(byte value)
    {
        if (_used >= _free.Length) Grow(1);
        _free[_used++] = value;
    }

    private void WriteLarge(ulong value)
    {
        var head = Reserve(HeadMax);
        switch (value)
        {
            case <= byte.MaxValue: head[0] = MsgPackCode.UInt8; head[1] = (byte)value; _used += 2; break;
            case <= ushort.MaxValue: head[0] = MsgPackCode.UInt16; WriteUInt16BigEndian(head[1..], (ushort)value); _used += 3; break;
            case <= uint.MaxValue: head[0] = MsgPackCode.UInt32; WriteUInt32BigEndian(head[1..], (uint)value); _used += 5; break;
            default: head[0] = MsgPackCode.UInt64; WriteUInt64BigEndian(head[1..], value); _used += 9; break;
        }
    }

    private void WriteNegative(long value)
    {
        var head = Reserve(HeadMax);
        switch (value)
        {
            case >= -32: head[0] = (byte)value; _used += 1; break;
            case >= sbyte.MinValue: head[0] = MsgPackCode.Int8; head[1] = (byte)value; _used += 2; break;
            case >= short.MinValue: head[0] = MsgPackCode.Int16; WriteInt16BigEndian(head[1..], (short)value); _used += 3; break;
            case >= int.MinValue: head[0] = MsgPackCode.Int32; WriteInt32BigEndian(head[1..], (int)value); _used += 5; break;
            default: head[0] = MsgPackCode.Int64; WriteInt64BigEndian(head[1..], value); _used += 9; break;
        }
    }

    private void WriteLength(int length, byte code8, byte code16, byte code32)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > byte.MaxValue)
        {
            WriteCount(length, code16, code32);
            return;
        }

        var head = Reserve(HeadMax);
        head[0] = code8;
        head[1] = (byte)length;
        _used += 2;
    }

    private void WriteCount(int count, byte code16, byte code32)
    {
        var head = Reserve(HeadMax);
        if (count <= ushort.MaxValue)
        {
            head[0] = code16;
            WriteUInt16BigEndian(head[1..], (ushort)count);
            _used += 3;
        }
        else
        {
            head[0] = code32;
            WriteUInt32BigEndian(head[1..], (uint)count);
            _used += 5;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Span<byte> Reserve(int length)
    {
        if (_free.Length - _used < length) Grow(length);
        return _free[_used..];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int length)
    {
        Flush();
        _free = output.GetSpan(length);
    }
}
