using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Blobs;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Unit.Runtime.Kit;

namespace Vae.Tests.Unit.Runtime;

public sealed class BlobTests : IAsyncLifetime, IDisposable
{
    private static readonly ArtifactKey Model = new(new(new("s-1"), 3), new(1), ArtifactKind.Model);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-blobs-");
    private readonly Store _store;
    private NodeListener _listener = null!;
    private BlobClient _client = null!;

    public BlobTests() => _store = new(_folder.FullName);

    public Task InitializeAsync()
    {
        _listener = NodeListener.Start("127.0.0.1", 0, Identity("coordinator"), new Dictionary<ConnectionPurpose, IConnectionHandler>
        {
            [ConnectionPurpose.Blob] = new BlobServer(_store),
        }, NullLogger.Instance);
        _client = new("127.0.0.1", _listener.Endpoint.Port, Identity("worker-1"), NodeId.Coordinator);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _listener.DisposeAsync();
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_000_003)]
    public async Task A_shard_arrives_as_it_was(int length)
    {
        _store.Shard = RandomNumberGenerator.GetBytes(length);
        Assert.Equal(_store.Shard, await _client.GetShardAsync("f00d", 0));
        Assert.Equal(_store.Shard, await _client.GetShardAsync("f00d", 0));
        Assert.Equal(2, _store.Opened);
    }

    [Fact]
    public async Task Shards_are_fetched_concurrently_over_several_connections()
    {
        _store.Shard = RandomNumberGenerator.GetBytes(300_000);
        var bodies = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => _client.GetShardAsync("f00d", 0)));
        Assert.All(bodies, body => Assert.Equal(_store.Shard, body));
    }

    [Fact]
    public async Task A_shard_that_is_not_there_is_refused_and_the_connection_stays_usable()
    {
        var error = await Assert.ThrowsAsync<UserFitException>(() => _client.GetShardAsync("beef", 9));
        Assert.Equal("There is no shard 9 of data set beef.", error.Message);
        _store.Shard = [1, 2];
        Assert.Equal([1, 2], await _client.GetShardAsync("f00d", 0));
    }

    [Fact]
    public async Task A_shard_whose_content_changed_is_not_accepted()
    {
        _store.Shard = [1, 2, 3];
        _store.Digest = new string('0', 64);
        await Assert.ThrowsAsync<IOException>(() => _client.GetShardAsync("f00d", 0));
    }

    [Fact]
    public async Task An_artifact_is_whole_on_the_servers_disk_when_the_client_is_told_so()
    {
        var content = RandomNumberGenerator.GetBytes(500_001);
        var info = await _client.PutArtifactAsync(Model, new MemoryStream(content));
        Assert.Equal(new(ArtifactKind.Model, content.Length, Convert.ToHexStringLower(SHA256.HashData(content))), info);
        Assert.Equal(content, await File.ReadAllBytesAsync(Store.PathOf(_folder.FullName, Model)));
        await _client.PutArtifactAsync(Model, new MemoryStream([9]));
        Assert.Equal([9], await File.ReadAllBytesAsync(Store.PathOf(_folder.FullName, Model)));
        Assert.Single(_folder.GetFiles("*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task An_artifact_that_is_not_wanted_is_refused_before_its_bytes_come()
    {
        _store.Refusal = "Trial s-1/3 is not known.";
        var error = await Assert.ThrowsAsync<UserFitException>(() => _client.PutArtifactAsync(Model, new MemoryStream(new byte[10_000_000])));
        Assert.Equal(_store.Refusal, error.Message);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_leaves_nothing_behind()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_listener.Endpoint);
        var stream = new NetworkStream(socket);
        await Handshake.ConnectAsync(stream, Identity("worker-1"), ConnectionPurpose.Blob, default, default);
        var request = new BlobWire.ArtifactRequest(Model, new(1_000, new string('a', 64)));
        await BlobWire.SendAsync(stream, HostTag.PutArtifact, request, BlobWire.Write, default);
        await BlobWire.ReadAsync(stream, default);
        await stream.WriteAsync(new byte[500]);
        Assert.Single(_folder.GetFiles("*", SearchOption.AllDirectories));
        socket.Dispose();

        await Until(() => _folder.GetFiles("*", SearchOption.AllDirectories).Length == 0, "temporary file removed");
    }

    private sealed class Store(string folder) : IBlobStore
    {
        private int _opened;

        public byte[] Shard { get; set; } = [];

        public string? Digest { get; set; }

        public string? Refusal { get; set; }

        public int Opened => _opened;

        public static string PathOf(string folder, ArtifactKey key) => Path.Combine(folder, key.Trial.Sweep.Value, $"{key.Trial.Index}", $"{key.Kind}");

        public Task<ShardBlob?> OpenShardAsync(string fingerprint, int index, CancellationToken cancellation)
        {
            Interlocked.Increment(ref _opened);
            return Task.FromResult(fingerprint != "f00d" ? null : new ShardBlob(new MemoryStream(Shard), Shard.Length, Digest ?? Convert.ToHexStringLower(SHA256.HashData(Shard))));
        }

        public Task<IArtifactSink> StoreArtifactAsync(ArtifactKey key, long length, CancellationToken cancellation) =>
            Refusal is null ? Task.FromResult<IArtifactSink>(ArtifactFile.Create(PathOf(folder, key), length)) : throw new UserFitException(Refusal);
    }
}
