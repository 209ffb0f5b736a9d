using System.Net.Sockets;
using System.Security.Cryptography;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Wire;

namespace Vae.Runtime.Blobs;

/// <summary>Fetches shards from the coordinator and sends artifacts to it. Safe for concurrent use: each request takes an idle connection or opens one.</summary>
public sealed class BlobClient(PeerAddresses addresses, NodeIdentity self, NodeId server, RemotingOptions? options = null) : IAsyncDisposable
{
    private const int IdleMax = 4; // As many as a worker fetches at once; more would only queue at the server.

    private readonly RemotingOptions _options = options ?? new();
    private readonly Stack<Stream> _idle = new();
    private HostPort _idleAt; // Where the idle connections lead; those to a coordinator that is no longer the active one are of no use.
    private bool _disposed;

    /// <summary>The body of a shard, its digest checked.</summary>
    /// <exception cref="UserFitException">The server has no such shard, or cannot read it.</exception>
    /// <exception cref="IOException">The connection broke, or the body arrived damaged; ask again.</exception>
    public Task<byte[]> GetShardAsync(string fingerprint, int index, CancellationToken cancellation = default) => UseAsync(async stream =>
    {
        await BlobWire.SendAsync(stream, HostTag.GetShard, new BlobWire.ShardRequest(fingerprint, index), BlobWire.Write, cancellation);
        var frame = await AnswerAsync(stream, HostTag.Shard, cancellation);
        var announcement = BlobWire.ReadAnnouncement(frame.Body, BlobLimits.ShardBytesMax);
        // Grows with what arrives: an announcement alone allocates nothing.
        using var body = new MemoryStream();
        await BlobWire.CopyAsync(stream, body, announcement, cancellation);
        return body.ToArray();
    }, cancellation);

    /// <summary>Sends a file of a trial; when the task ends, the server has it on its disk. Sending it again replaces it.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="content">Seekable, read from its start; left open.</param>
    /// <param name="cancellation">Ends the transfer.</param>
    /// <returns>Length and digest as stored.</returns>
    /// <exception cref="UserFitException">The server does not want it, or has no room.</exception>
    /// <exception cref="IOException">The connection broke; send it again.</exception>
    public async Task<Shared.Messages.ArtifactInfo> PutArtifactAsync(ArtifactKey key, Stream content, CancellationToken cancellation = default)
    {
        content.Position = 0;
        var digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation));
        var length = content.Length;
        if (length > BlobLimits.ArtifactBytesMax) throw new UserFitException($"{key.Kind} of trial {key.Trial} has {length} bytes; the limit is {BlobLimits.ArtifactBytesMax}.");
        var announcement = new BlobWire.Announcement(length, digest);
        await UseAsync(async stream =>
        {
            content.Position = 0;
            await BlobWire.SendAsync(stream, HostTag.PutArtifact, new BlobWire.ArtifactRequest(key, announcement), BlobWire.Write, cancellation);
            await AnswerAsync(stream, HostTag.PutArtifact, cancellation);
            await BlobWire.CopyAsync(content, stream, announcement, cancellation);
            await AnswerAsync(stream, HostTag.ArtifactStored, cancellation);
            return true;
        }, cancellation);
        return new(key.Kind, length, digest);
    }

    /// <summary>Sends a checkpoint; when the task ends, the server has it on its disk. Sending it again replaces it. What is sent is made while it is sent: there is no second copy of it.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="length">Bytes that will be written.</param>
    /// <param name="sha256">Lower-case hex digest of them.</param>
    /// <param name="write">Writes them, front to back; called on a thread that may block, and again if a connection turns out to be stale.</param>
    /// <param name="cancellation">Ends the transfer.</param>
    /// <exception cref="UserFitException">The server does not want it, or has no room; or it is too long.</exception>
    /// <exception cref="IOException">The connection broke; send it again.</exception>
    public Task PutCheckpointAsync(CheckpointKey key, long length, string sha256, Action<Stream> write, CancellationToken cancellation = default)
    {
        if (length > BlobLimits.CheckpointBytesMax) throw new UserFitException($"The checkpoint has {length} bytes; the limit is {BlobLimits.CheckpointBytesMax}.");
        return UseAsync(async stream =>
        {
            await BlobWire.SendAsync(stream, HostTag.PutCheckpoint, new BlobWire.CheckpointRequest(key, new(length, sha256)), BlobWire.Write, cancellation);
            await AnswerAsync(stream, HostTag.PutCheckpoint, cancellation);
            await Task.Factory.StartNew(() =>
            {
                using var body = new OutgoingBody(stream, length, cancellation);
                write(body);
                body.Complete();
            }, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await AnswerAsync(stream, HostTag.ArtifactStored, cancellation);
            return true;
        }, cancellation);
    }

    /// <summary>Fetches a checkpoint, its digest checked.</summary>
    /// <param name="wanted">What must come.</param>
    /// <param name="target">Where it goes; seekable, because a damaged transfer is tried once more from its start.</param>
    /// <param name="cancellation">Ends the transfer.</param>
    /// <exception cref="UserFitException">The server does not have it, or not what was stored: it will not get better.</exception>
    /// <exception cref="IOException">The connection broke; ask again.</exception>
    public async Task GetCheckpointAsync(Shared.Messages.CheckpointRef wanted, Stream target, CancellationToken cancellation = default)
    {
        if (await UseAsync(FetchAsync, cancellation) is not null && await UseAsync(FetchAsync, cancellation) is { } fault)
            throw new UserFitException($"its file is damaged: {fault.TrimEnd('.')}");

        async Task<string?> FetchAsync(Stream stream)
        {
            var content = new BlobWire.Announcement(wanted.Bytes, wanted.Sha256);
            await BlobWire.SendAsync(stream, HostTag.GetCheckpoint, new BlobWire.CheckpointRequest(new(wanted.Pack, wanted.Attempt, wanted.Position), content), BlobWire.Write, cancellation);
            await AnswerAsync(stream, HostTag.Checkpoint, cancellation);
            target.Position = 0;
            try
            {
                await BlobWire.CopyAsync(stream, target, content, cancellation);
                return null;
            }
            catch (InvalidDataException damaged)
            {
                return damaged.Message; // All bytes have come: the connection is still in step.
            }
        }
    }

    /// <summary>Closes all idle connections.</summary>
    public async ValueTask DisposeAsync()
    {
        Stream[] idle;
        lock (_idle)
        {
            _disposed = true;
            idle = [.. _idle];
            _idle.Clear();
        }

        foreach (var stream in idle) await stream.DisposeAsync();
    }

    private async Task<T> UseAsync<T>(Func<Stream, Task<T>> use, CancellationToken cancellation)
    {
        var (stream, used) = await TakeAsync(cancellation);
        try
        {
            var result = await use(stream);
            await ReturnAsync(stream);
            return result;
        }
        catch (RefusedException refusal)
        {
            await ReturnAsync(stream); // A refusal is an answer: the connection is still in step.
            throw new UserFitException(refusal.Message);
        }
        catch (Exception exception) when (used && exception is IOException or SocketException)
        {
            // An idle connection may have been closed by the other end meanwhile: once more, on a fresh one.
            await stream.DisposeAsync();
            var fresh = await OpenAsync(cancellation);
            return await UseOnceAsync(fresh);
        }
        catch (Exception exception)
        {
            await stream.DisposeAsync();
            throw Translate(exception);
        }

        async Task<T> UseOnceAsync(Stream fresh)
        {
            try
            {
                var result = await use(fresh);
                await ReturnAsync(fresh);
                return result;
            }
            catch (Exception exception)
            {
                await fresh.DisposeAsync();
                throw exception is RefusedException ? new UserFitException(exception.Message) : Translate(exception);
            }
        }
    }

    private static Exception Translate(Exception exception) =>
        exception is ProtocolException or InvalidDataException or TimeoutException or SocketException ? new IOException(exception.Message, exception) : exception;

    private async Task<(Stream Stream, bool Used)> TakeAsync(CancellationToken cancellation)
    {
        lock (_idle)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_idleAt != addresses.Current)
            {
                foreach (var elsewhere in _idle) elsewhere.Dispose();
                _idle.Clear();
                _idleAt = addresses.Current;
            }

            if (_idle.TryPop(out var idle)) return (idle, true);
        }

        return (await OpenAsync(cancellation), false);
    }

    private async Task<Stream> OpenAsync(CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Handshake.Deadline);
        Stream? stream = null;
        var at = addresses.Current;
        try
        {
            var socket = await Sockets.ConnectAsync(at.Host, at.Port, deadline.Token);
            stream = await _options.StreamFactory(socket, false, deadline.Token);
            var peer = await Handshake.ConnectAsync(stream, self, ConnectionPurpose.Blob, default, deadline.Token);
            if (peer.Node != server) throw new HandshakeException(HandshakeRule.WrongNode, $"{at} is {peer.Node}, not {server}.");
            return stream;
        }
        catch (Exception exception)
        {
            if (stream is not null) await stream.DisposeAsync();
            if (exception is SocketException) throw new IOException($"No connection to {server} at {at}: {exception.Message}", exception);
            if (exception is OperationCanceledException && !cancellation.IsCancellationRequested) throw new IOException($"{server} at {at} did not answer within {Handshake.Deadline.TotalSeconds:0} s.", exception);
            throw;
        }
    }

    private async ValueTask ReturnAsync(Stream stream)
    {
        lock (_idle)
        {
            if (!_disposed && _idle.Count < IdleMax && _idleAt == addresses.Current)
            {
                _idle.Push(stream);
                return;
            }
        }

        await stream.DisposeAsync();
    }

    private static async Task<BlobWire.Frame> AnswerAsync(Stream stream, ushort expected, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(BlobLimits.Silence);
        try
        {
            var frame = await BlobWire.ReadAsync(stream, deadline.Token) ?? throw new EndOfStreamException("The server hung up.");
            if (frame.Tag == HostTag.BlobRefused) throw new RefusedException(BlobWire.ReadRefusal(frame.Body));
            return frame.Tag == expected ? frame : throw new ProtocolException(ProtocolErrorKind.UnknownTag, 0, $"tag 0x{expected:X4} expected, found 0x{frame.Tag:X4}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"The server was silent for {BlobLimits.Silence.TotalSeconds:0} s.");
        }
    }

    private sealed class RefusedException(string text) : Exception(text);
}
