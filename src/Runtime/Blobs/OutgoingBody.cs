using System.Buffers;

namespace Vae.Runtime.Blobs;

/// <summary>
/// Lets code that writes to an ordinary stream write to a peer: in chunks, each with a deadline of its own. Not one byte more than was announced gets through, or the peer would take it for the next request.
/// </summary>
internal sealed class OutgoingBody(Stream peer, long length, CancellationToken cancellation) : Stream
{
    private readonly byte[] _chunk = ArrayPool<byte>.Shared.Rent(BlobLimits.ChunkBytes);
    private int _held;
    private long _written;
    private bool _disposed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => length;

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        _written += buffer.Length;
        if (_written > length) throw new InvalidOperationException($"{length} bytes were announced, and more are written.");
        while (buffer.Length > 0)
        {
            var part = buffer[..Math.Min(buffer.Length, _chunk.Length - _held)];
            part.CopyTo(_chunk.AsSpan(_held));
            _held += part.Length;
            buffer = buffer[part.Length..];
            if (_held == _chunk.Length) Send();
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Sends what is held.</summary>
    public override void Flush()
    {
        if (_held > 0) Send();
    }

    /// <summary>Sends what is held; all that was announced must have been written.</summary>
    public void Complete()
    {
        if (_written != length) throw new InvalidOperationException($"{length} bytes were announced, and {_written} are written.");
        Flush();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed) ArrayPool<byte>.Shared.Return(_chunk);
        _disposed = true;
        base.Dispose(disposing);
    }

    private void Send()
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(BlobLimits.Silence);
        try
        {
            peer.WriteAsync(_chunk.AsMemory(0, _held), silence.Token).AsTask().GetAwaiter().GetResult();
            _held = 0;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"The peer took nothing for {BlobLimits.Silence.TotalSeconds:0} s; the transfer is given up.");
        }
    }
}
