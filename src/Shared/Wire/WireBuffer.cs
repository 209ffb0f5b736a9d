using System.Buffers;

namespace Vae.Shared.Wire;

/// <summary>A growing byte buffer that is used again and again. Unlike the library's, it lets a frame's header be filled in after its body.</summary>
/// <param name="capacity">First size in bytes.</param>
public sealed class WireBuffer(int capacity = 4096) : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[capacity];

    /// <summary>Bytes written since the last <see cref="Clear"/>.</summary>
    public int Length { get; private set; }

    /// <summary>What was written; valid until the next write.</summary>
    public Span<byte> Written => _bytes.AsSpan(0, Length);

    /// <inheritdoc cref="Written"/>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, Length);

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - Length);
        Length += count;
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _bytes.AsSpan(Length);
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _bytes.AsMemory(Length);
    }

    /// <summary>Forgets everything written after the first <paramref name="length"/> bytes.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <summary>Forgets what was written, keeps the memory.</summary>
    public void Clear() => Length = 0;

    private void Ensure(int needed)
    {
        needed = Math.Max(needed, 1);
        if (_bytes.Length - Length >= needed) return;
        Array.Resize(ref _bytes, checked(Math.Max(_bytes.Length * 2, Length + needed)));
    }
}
