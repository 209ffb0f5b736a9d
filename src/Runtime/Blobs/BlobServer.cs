using System.Net.Sockets;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared.Wire;

namespace Vae.Runtime.Blobs;

/// <summary>Serves shards to workers and takes their artifacts, on the connections of purpose <see cref="ConnectionPurpose.Blob"/>.</summary>
public sealed class BlobServer(IBlobStore store) : IConnectionHandler
{
    /// <inheritdoc/>
    public async Task RunAsync(Socket socket, Stream stream, Peer peer, CancellationToken stopping)
    {
        await using (stream)
        {
            while (await BlobWire.ReadAsync(stream, stopping) is { } frame)
            {
                switch (frame.Tag)
                {
                    case HostTag.GetShard: await SendShardAsync(stream, BlobWire.ReadShardRequest(frame.Body), stopping); break;
                    case HostTag.PutArtifact: await TakeArtifactAsync(stream, BlobWire.ReadArtifactRequest(frame.Body), stopping); break;
                    case HostTag.PutCheckpoint: await TakeCheckpointAsync(stream, BlobWire.ReadCheckpointRequest(frame.Body), stopping); break;
                    case HostTag.GetCheckpoint: await SendCheckpointAsync(stream, BlobWire.ReadCheckpointRequest(frame.Body), stopping); break;
                    default: throw new ProtocolException(ProtocolErrorKind.UnknownTag, 0, $"no blob request has tag 0x{frame.Tag:X4}");
                }
            }
        }
    }

    private async Task SendShardAsync(Stream stream, BlobWire.ShardRequest request, CancellationToken stopping)
    {
        ShardBlob? shard;
        try
        {
            shard = await store.OpenShardAsync(request.Fingerprint, request.Index, stopping);
        }
        catch (Exception exception) when (exception is UserFitException or IOException or UnauthorizedAccessException)
        {
            await BlobWire.RefuseAsync(stream, exception.Message, stopping);
            return;
        }

        if (shard is null)
        {
            await BlobWire.RefuseAsync(stream, $"There is no shard {request.Index} of data set {request.Fingerprint}.", stopping);
            return;
        }

        await using var content = shard.Content;
        var announcement = new BlobWire.Announcement(shard.Length, shard.Sha256);
        await BlobWire.SendAsync(stream, HostTag.Shard, announcement, BlobWire.Write, stopping);
        await BlobWire.CopyAsync(content, stream, announcement, stopping);
    }

    // The asker says which content it wants and checks what comes by its digest; only the length is compared here, so that no file is read twice.
    private async Task SendCheckpointAsync(Stream stream, BlobWire.CheckpointRequest request, CancellationToken stopping)
    {
        Stream? content;
        try
        {
            content = await store.OpenCheckpointAsync(request.Key, stopping);
        }
        catch (Exception exception) when (exception is UserFitException or IOException or UnauthorizedAccessException)
        {
            await BlobWire.RefuseAsync(stream, exception.Message, stopping);
            return;
        }

        if (content is null)
        {
            await BlobWire.RefuseAsync(stream, "its file is missing", stopping);
            return;
        }

        await using (content)
        {
            if (content.Length != request.Content.Length)
            {
                await BlobWire.RefuseAsync(stream, $"its file has {content.Length} bytes; {request.Content.Length} were stored", stopping);
                return;
            }

            await BlobWire.SendAsync(stream, HostTag.Checkpoint, request.Content, BlobWire.Write, stopping);
            await BlobWire.SendAllAsync(content, stream, content.Length, stopping);
        }
    }

    private Task TakeArtifactAsync(Stream stream, BlobWire.ArtifactRequest request, CancellationToken stopping) =>
        TakeAsync(stream, HostTag.PutArtifact, request.Content, () => store.StoreArtifactAsync(request.Key, request.Content.Length, stopping), stopping);

    private Task TakeCheckpointAsync(Stream stream, BlobWire.CheckpointRequest request, CancellationToken stopping) =>
        TakeAsync(stream, HostTag.PutCheckpoint, request.Content, () => store.StoreCheckpointAsync(request.Key, request.Content.Length, stopping), stopping);

    // The bytes are announced before they come, so an unwanted file is refused before its first byte crosses.
    private static async Task TakeAsync(Stream stream, ushort tag, BlobWire.Announcement announced, Func<Task<IArtifactSink>> open, CancellationToken stopping)
    {
        try
        {
            await using var sink = await open();
            await BlobWire.SendAsync(stream, tag, 0, static (ref writer, _) => writer.WriteNil(), stopping);
            await BlobWire.ReceiveAsync(stream, sink.Content, announced, stopping);
            await sink.CommitAsync(stopping);
        }
        catch (UserFitException exception)
        {
            await BlobWire.RefuseAsync(stream, exception.Message, stopping);
            return;
        }
        catch (InvalidDataException exception)
        {
            await BlobWire.RefuseAsync(stream, exception.Message, stopping); // All bytes were read, so the connection is still in step.
            return;
        }

        await BlobWire.SendAsync(stream, HostTag.ArtifactStored, 0, static (ref writer, _) => writer.WriteNil(), stopping);
    }
}
