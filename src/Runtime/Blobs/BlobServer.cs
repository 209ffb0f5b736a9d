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

    // The bytes are announced before they come, so an unwanted artifact is refused before its first byte crosses.
    private async Task TakeArtifactAsync(Stream stream, BlobWire.ArtifactRequest request, CancellationToken stopping)
    {
        try
        {
            await using var sink = await store.StoreArtifactAsync(request.Key, request.Content.Length, stopping);
            await BlobWire.SendAsync(stream, HostTag.PutArtifact, 0, static (ref writer, _) => writer.WriteNil(), stopping);
            await BlobWire.CopyAsync(stream, sink.Content, request.Content, stopping);
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
