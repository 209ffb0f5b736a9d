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
        _client = new(new PeerAddresses(new HostPort("127.0.0.1", _listener.Endpoint.Port)), Identity("worker-1"), NodeId.Coordinator);
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

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    [InlineData(1_000_003)]
    public async Task A_checkpoint_is_written_straight_to_the_server_and_comes_back_as_it_was(int length)
    {
        var content = RandomNumberGenerator.GetBytes(length);

        var stored = await Put(content);

        using var target = new MemoryStream();
        await _client.GetCheckpointAsync(stored, target);
        Assert.Equal(content, target.ToArray());
        Assert.Single(_folder.GetFiles("*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_checkpoint_that_is_not_what_was_stored_is_refused_in_words_and_the_connection_stays_usable()
    {
        var stored = await Put(RandomNumberGenerator.GetBytes(300_000));
        var path = Store.PathOf(_folder.FullName, Checkpoint);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[123_456] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Contains("damaged: The content arrived damaged: SHA-256", (await Assert.ThrowsAsync<UserFitException>(() => _client.GetCheckpointAsync(stored, new MemoryStream()))).Message, StringComparison.Ordinal);

        await File.WriteAllBytesAsync(path, bytes[..299_999]);
        Assert.Equal("its file has 299999 bytes; 300000 were stored", (await Assert.ThrowsAsync<UserFitException>(() => _client.GetCheckpointAsync(stored, new MemoryStream()))).Message);

        File.Delete(path);
        Assert.Equal("its file is missing", (await Assert.ThrowsAsync<UserFitException>(() => _client.GetCheckpointAsync(stored, new MemoryStream()))).Message);
        await Put([1, 2, 3]);
    }

    [Fact]
    public async Task F12_a_disk_that_is_full_refuses_a_checkpoint_by_class_bytes_needed_and_bytes_free_and_keeps_the_old_one()
    {
        var stored = await Put([1, 2, 3]);
        var folder = Path.GetDirectoryName(Store.PathOf(_folder.FullName, Checkpoint))!;
        _store.Wrap = (key, length) => ArtifactFile.Create(new FullDisk(free: 4_000), Store.PathOf(_folder.FullName, key), length, "checkpoint");

        var error = await Assert.ThrowsAsync<UserFitException>(() => Put(new byte[5_000]));

        Assert.Equal($"A checkpoint of 5,000 bytes cannot be stored in the folder of checkpoints {folder}: 4,000 bytes are free there. No space left on device. What was stored before is untouched.", error.Message);
        using var target = new MemoryStream();
        await _client.GetCheckpointAsync(stored, target);
        Assert.Equal([1, 2, 3], target.ToArray());
        Assert.Single(_folder.GetFiles("*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_disk_that_fails_in_the_middle_of_a_checkpoint_tells_the_sender_and_leaves_nothing_behind()
    {
        _store.Wrap = (key, length) => ArtifactFile.Create(new FullDisk(free: null, failAt: 400_000), Store.PathOf(_folder.FullName, key), length, "checkpoint");

        var error = await Assert.ThrowsAsync<UserFitException>(() => Put(new byte[1_000_000]));

        Assert.Contains("Input/output error", error.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles("*", SearchOption.AllDirectories));
        _store.Wrap = null;
        await Put(new byte[1_000_000]);
    }

    [Fact]
    public async Task F14_a_sync_that_fails_counts_as_lost_data_and_the_file_is_given_up()
    {
        _store.Wrap = (key, length) => ArtifactFile.Create(new FullDisk(free: null, failSync: true), Store.PathOf(_folder.FullName, key), length, "checkpoint");

        var error = await Assert.ThrowsAsync<UserFitException>(() => Put([1, 2, 3]));

        Assert.Contains("Input/output error", error.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles("*", SearchOption.AllDirectories));
    }

    private static readonly CheckpointKey Checkpoint = new(new(new("s-1"), 2), new(3), 45);

    private async Task<CheckpointRef> Put(byte[] content)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        await _client.PutCheckpointAsync(Checkpoint, content.Length, digest, target =>
        {
            foreach (var part in content.Chunk(7_001)) target.Write(part);
        });
        return new(Checkpoint.Pack, Checkpoint.Attempt, Checkpoint.Position, content.Length, digest);
    }

    /// <summary>This machine's disk with a fault.</summary>
    private sealed class FullDisk(long? free, long? failAt = null, bool failSync = false) : IDisk
    {
        public bool FolderExists(string folder) => Directory.Exists(folder);

        public void CreateFolder(string folder) => Directory.CreateDirectory(folder);

        public IDiskFile Create(string path, long length) => length > free ? throw new IOException("No space left on device") : new Faulty(Disk.Instance.Create(path, length), failAt, failSync);

        public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

        public void SyncFolder(string folder)
        {
        }

        public void Delete(string path) => File.Delete(path);

        public long? FreeBytes(string folder) => free;

        private sealed class Faulty(IDiskFile file, long? failAt, bool failSync) : IDiskFile
        {
            public Stream Content { get; } = new FaultyStream(file.Content, failAt);

            public ValueTask SyncAsync(CancellationToken cancellation) => failSync ? throw new IOException("Input/output error") : file.SyncAsync(cancellation);

            public ValueTask DisposeAsync() => file.DisposeAsync();
        }

        private sealed class FaultyStream(Stream inner, long? failAt) : Stream
        {
            public override bool CanRead => false;

            public override bool CanSeek => false;

            public override bool CanWrite => true;

            public override long Length => inner.Length;

            public override long Position { get => inner.Position; set => inner.Position = value; }

            public override void Flush() => inner.Flush();

            public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

            public override void SetLength(long value) => throw new NotSupportedException();

            public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

            public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
                inner.Position + buffer.Length > failAt ? throw new IOException("Input/output error") : inner.WriteAsync(buffer, cancellationToken);
        }
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

        public static string PathOf(string folder, CheckpointKey key) => Path.Combine(folder, key.Pack.Sweep.Value, "checkpoints", $"{key.Pack.Number}-{key.Attempt.Value}-{key.Position}");

        public Task<IArtifactSink> StoreCheckpointAsync(CheckpointKey key, long length, CancellationToken cancellation) =>
            Refusal is null ? Task.FromResult(Wrap?.Invoke(key, length) ?? ArtifactFile.Create(PathOf(folder, key), length, "checkpoint")) : throw new UserFitException(Refusal);

        public Func<CheckpointKey, long, IArtifactSink>? Wrap { get; set; }

        public Task<Stream?> OpenCheckpointAsync(CheckpointKey key, CancellationToken cancellation) =>
            Task.FromResult<Stream?>(File.Exists(PathOf(folder, key)) ? File.OpenRead(PathOf(folder, key)) : null);
    }
}
