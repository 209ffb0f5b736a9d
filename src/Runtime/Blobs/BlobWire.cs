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
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var chunk = ArrayPool<byte>.Shared.Rent(BlobLimits.ChunkBytes);
        try
        {
            for (var left = content.Length; left > 0;)
            {
                silence.CancelAfter(BlobLimits.Silence);
                var got = await from.ReadAsync(chunk.AsMemory(0, (int)Math.Min(left, chunk.Length)), silence.Token);
                if (got == 0) throw new EndOfStreamException($"The transfer ended {left} bytes early.");
                digest.AppendData(chunk, 0, got);
                await to.WriteAsync(chunk.AsMemory(0, got), silence.Token);
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
