namespace Vae.Worker.Collectives;

/// <summary>Bytes in memory, written from front to back and read anywhere. Made of pages, so that it may be larger than an array and growing copies nothing.</summary>
public sealed class PagedStream : Stream
{
    private const int PageBytes = 4 << 20;

    private readonly List<byte[]> _pages = [];
    private long _length;
    private long _position;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => _length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _position;
        set => _position = value >= 0 && value <= _length ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"0 to {_length}.");
    }

    /// <summary>Makes the buffer this long; what is new is undefined.</summary>
    public override void SetLength(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        for (var room = (long)_pages.Count * PageBytes; room < value; room += _pages[^1].Length) _pages.Add(GC.AllocateUninitializedArray<byte>(PageBytes));
        (_length, _position) = (value, Math.Min(_position, value));
    }

    /// <summary>The bytes from a place to the end of its page, to be read or filled in place.</summary>
    public Span<byte> PageAt(long place) => _pages[(int)(place / PageBytes)].AsSpan((int)(place % PageBytes), (int)Math.Min(PageBytes - (place % PageBytes), _length - place));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        if (_position == _length) return 0;
        var page = PageAt(_position);
        var count = Math.Min(page.Length, buffer.Length);
        page[..count].CopyTo(buffer);
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_position + buffer.Length > _length) SetLength(_position + buffer.Length);
        while (buffer.Length > 0)
        {
            var page = PageAt(_position);
            var count = Math.Min(page.Length, buffer.Length);
            buffer[..count].CopyTo(page);
            buffer = buffer[count..];
            _position += count;
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => _length,
    };

    /// <inheritdoc/>
    public override void Flush()
    {
    }
}
