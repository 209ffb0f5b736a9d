using System.Buffers;
using System.Security.Cryptography;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Wire;

namespace Vae.Runtime.Blobs;

/// <summary>Frames and byte runs of blob connections: one request at a time, each answered before the next.</summary>
internal static class BlobWire
{
    private const int TextMax = 1_024;

    public readonly record struct Frame(ushort Tag, byte[] Body);

    public readonly record struct ShardRequest(string Fingerprint, int Index);

    public readonly record struct Announcement(long Length, string Sha256);

    public readonly record struct ArtifactRequest(ArtifactKey Key, Announcement Content);

    public readonly record struct CheckpointRequest(CheckpointKey Key, Announcement Content);

    public static ValueTask SendAsync<T>(Stream stream, ushort tag, T value, HostFrames.Body<T> body, CancellationToken cancellation) =>
        stream.WriteAsync(HostFrames.Make(tag, value, body), cancellation);

    public static ValueTask RefuseAsync(Stream stream, string text, CancellationToken cancellation) =>
        SendAsync(stream, HostTag.BlobRefused, text, static (ref writer, value) => writer.Write(value), cancellation);

    /// <returns>Null when the peer hung up between two requests.</returns>
    public static async Task<Frame?> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var header = new byte[FrameHeader.Size];
        var got = await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellation);
        if (got == 0) return null;
        if (got < header.Length) throw new EndOfStreamException("The peer hung up in the middle of a frame.");
        if (FrameHeader.TryRead(header, out var read) != OperationStatus.Done || read.BodyLength > BlobLimits.RequestMax)
        {
            throw new ProtocolException(ProtocolErrorKind.FrameTooLong, 0, $"a blob frame has at most {BlobLimits.RequestMax} bytes");
        }

        if (read.Version != FrameHeader.ProtocolVersion) throw new ProtocolException(ProtocolErrorKind.WrongVersion, 0, $"version {read.Version}");
        var body = new byte[read.BodyLength];
        await stream.ReadExactlyAsync(body, cancellation);
        return new(read.Tag, body);
    }

    public static void Write(ref MsgPackWriter writer, ShardRequest request)
    {
        writer.WriteArrayHeader(2);
        writer.Write(request.Fingerprint);
        writer.Write((long)request.Index);
    }

    public static ShardRequest ReadShardRequest(ReadOnlySpan<byte> body)
    {
        var reader = new MsgPackReader(body);
        reader.BeginArray();
        return new(reader.ReadString(), reader.ReadInt32());
    }

    public static void Write(ref MsgPackWriter writer, Announcement content)
    {
        writer.WriteArrayHeader(2);
        writer.Write(content.Length);
        writer.Write(Convert.FromHexString(content.Sha256).AsSpan());
    }

    public static Announcement ReadAnnouncement(ReadOnlySpan<byte> body, long lengthMax)
    {
        var reader = new MsgPackReader(body);
        return ReadAnnouncement(ref reader, lengthMax);
    }

    public static void Write(ref MsgPackWriter writer, ArtifactRequest request)
    {
        writer.WriteArrayHeader(5);
        writer.Write(request.Key.Trial.Sweep.Value);
        writer.Write((long)request.Key.Trial.Index);
        writer.Write((long)request.Key.Attempt.Value);
        writer.Write((long)request.Key.Kind);
        Write(ref writer, request.Content);
    }

    public static ArtifactRequest ReadArtifactRequest(ReadOnlySpan<byte> body)
    {
        var reader = new MsgPackReader(body);
        reader.BeginArray();
        var sweep = reader.ReadString();
        var index = reader.ReadInt32();
        var attempt = reader.ReadInt32();
        var kind = (ArtifactKind)reader.ReadInt32();
        if (!NodeId.IsValid(sweep) || index < 0 || !Enum.IsDefined(kind)) throw new ProtocolException(ProtocolErrorKind.OutOfRange, reader.Offset, "no such trial or kind of artifact");
        return new(new(new(new(sweep), index), new(attempt), kind), ReadAnnouncement(ref reader, BlobLimits.ArtifactBytesMax));
    }

    public static void Write(ref MsgPackWriter writer, CheckpointRequest request)
    {
        writer.WriteArrayHeader(5);
        writer.Write(request.Key.Pack.Sweep.Value);
        writer.Write((long)request.Key.Pack.Number);
        writer.Write((long)request.Key.Attempt.Value);
        writer.Write(request.Key.Position);
        Write(ref writer, request.Content);
    }

    public static CheckpointRequest ReadCheckpointRequest(ReadOnlySpan<byte> body)
    {
        var reader = new MsgPackReader(body);
        reader.BeginArray();
        var sweep = reader.ReadString();
        var pack = reader.ReadInt32();
        var attempt = reader.ReadInt32();
        var position = reader.ReadInt64();
        if (!NodeId.IsValid(sweep) || pack < 0 || attempt < 1 || position < 0) throw new ProtocolException(ProtocolErrorKind.OutOfRange, reader.Offset, "no such checkpoint");
        return new(new(new(new(sweep), pack), new(attempt), position), ReadAnnouncement(ref reader, BlobLimits.CheckpointBytesMax));
    }

    public static string ReadRefusal(ReadOnlySpan<byte> body)
    {
        var text = new MsgPackReader(body).ReadString();
        return text.Length <= TextMax ? text : text[..TextMax];
    }

    /// <summary>Moves exactly <paramref name="content"/>.Length bytes and checks their digest on the way. Each chunk has its own deadline, so a slow but living peer is not cut off.</summary>
    /// <exception cref="InvalidDataException">The digest is another one.</exception>
    /// <exception cref="TimeoutException">Nothing moved for <see cref="BlobLimits.Silence"/>.</exception>
    public static async Task CopyAsync(Stream from, Stream to, Announcement content, CancellationToken cancellation)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await MoveAsync(from, content.Length, digest, (chunk, token) => to.WriteAsync(chunk, token), cancellation);
        Check(digest, content);
    }

    /// <summary>As <see cref="CopyAsync"/>, from a peer to a disk: when the disk fails, what is left is read and forgotten, so that the connection stays in step and the peer can be told.</summary>
    /// <exception cref="InvalidDataException">The digest is another one.</exception>
    /// <exception cref="TimeoutException">Nothing came for <see cref="BlobLimits.Silence"/>.</exception>
    /// <exception cref="UserFitException">The disk is full or broken.</exception>
    public static async Task ReceiveAsync(Stream from, Stream disk, Announcement content, CancellationToken cancellation)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IOException? failure = null;
        await MoveAsync(from, content.Length, digest, WriteAsync, cancellation);
        if (failure is not null) throw new UserFitException($"The file cannot be written: {failure.Message}", failure);
        Check(digest, content);

        async ValueTask WriteAsync(ReadOnlyMemory<byte> chunk, CancellationToken token)
        {
            try
            {
                if (failure is null) await disk.WriteAsync(chunk, token);
            }
            catch (IOException exception)
            {
                failure = exception;
            }
        }
    }

    /// <summary>Moves exactly <paramref name="length"/> bytes, whatever they are: the reader checks them.</summary>
    /// <exception cref="TimeoutException">Nothing moved for <see cref="BlobLimits.Silence"/>.</exception>
    public static Task SendAllAsync(Stream from, Stream to, long length, CancellationToken cancellation) =>
        MoveAsync(from, length, digest: null, (chunk, token) => to.WriteAsync(chunk, token), cancellation);

    private static async Task MoveAsync(Stream from, long length, IncrementalHash? digest, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var chunk = ArrayPool<byte>.Shared.Rent(BlobLimits.ChunkBytes);
        try
        {
            for (var left = length; left > 0;)
            {
                silence.CancelAfter(BlobLimits.Silence);
                var got = await from.ReadAsync(chunk.AsMemory(0, (int)Math.Min(left, chunk.Length)), silence.Token);
                if (got == 0) throw new EndOfStreamException($"The transfer ended {left} bytes early.");
                digest?.AppendData(chunk, 0, got);
                await write(chunk.AsMemory(0, got), silence.Token);
                left -= got;
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"Nothing moved for {BlobLimits.Silence.TotalSeconds:0} s; the transfer is given up.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private static void Check(IncrementalHash digest, Announcement content)
    {
        var found = Convert.ToHexStringLower(digest.GetHashAndReset());
        if (found != content.Sha256) throw new InvalidDataException($"The content arrived damaged: SHA-256 {found} instead of {content.Sha256}.");
    }

    private static Announcement ReadAnnouncement(ref MsgPackReader reader, long lengthMax)
    {
        reader.BeginArray();
        var length = reader.ReadInt64();
        if (length < 0 || length > lengthMax) throw new ProtocolException(ProtocolErrorKind.OutOfRange, reader.Offset, $"a length of {length}, at most {lengthMax} is allowed");
        var digest = reader.ReadBytes();
        if (digest.Length != SHA256.HashSizeInBytes) throw new ProtocolException(ProtocolErrorKind.OutOfRange, reader.Offset, "not a SHA-256 digest");
        return new(length, Convert.ToHexStringLower(digest));
    }
}
