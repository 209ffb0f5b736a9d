using System.Security.Cryptography;
using Vae.Runtime.Blobs;

namespace Vae.Tests.Unit.Runtime;

/// <summary>
/// F13. The protocol of storing a checkpoint, run on a disk that remembers every call; then every state that a power cut may legally leave is built and looked at (Pillai et al. 2014, ALICE). What was
/// not synced may have happened or not, each name and each part of a content for itself, in whatever order.
/// </summary>
public sealed class CrashStateTests
{
    private static readonly byte[] Old = [.. Enumerable.Range(0, 48).Select(i => (byte)i)], New = [.. Enumerable.Range(100, 40).Select(i => (byte)i)];

    [Theory]
    [InlineData("/home/sweeps/s-1/checkpoints/0001-1-500.safetensors")] // Beside the old one.
    [InlineData("/home/sweeps/s-1/checkpoints/0001-1-100.safetensors")] // Over the old one, as a repeated upload would.
    public async Task F13_after_any_power_cut_a_row_finds_its_file_whole(string path)
    {
        const string oldPath = "/home/sweeps/s-1/checkpoints/0001-1-100.safetensors";
        var disk = new LoggedDisk();
        disk.PutDurably(oldPath, Old);
        await Store(disk, path, New);
        disk.CommitRow(path, New);
        var overwrites = path == oldPath;

        var states = disk.CrashStates();
        foreach (var state in states)
        {
            // The old row counts until the new one is durable. Where both have one name the file may be either, whole; the row says which, and a file that is not its row's is not trusted.
            var found = state.Read(overwrites || state.Row is null ? oldPath : path);
            if (state.Row is not null) Assert.Equal(state.Row, Hash(found));
            else Assert.True(Same(found, Old) || (overwrites && Same(found, New)), $"neither old nor new, after {state}");
            if (!overwrites) Assert.True(Same(state.Read(oldPath), Old), $"the old one is gone, after {state}");
        }

        Assert.Contains(states, state => state.Row is null && !Same(state.Read(path), New));
        Assert.Contains(states, state => state.Row is not null);
        Assert.InRange(states.Count, 50, 100_000);
    }

    [Fact]
    public async Task F13_a_folder_that_was_made_for_the_first_checkpoint_outlasts_a_power_cut()
    {
        const string path = "/home/sweeps/s-1/checkpoints/0001-1-100.safetensors";
        var disk = new LoggedDisk();
        disk.MakeDurably("/home");
        await Store(disk, path, New);
        disk.CommitRow(path, New);

        foreach (var state in disk.CrashStates().Where(state => state.Row is not null)) Assert.True(Same(state.Read(path), New), $"a row without its file, after {state}");
    }

    // The test would be worth nothing if it could not see a protocol that is wrong.
    [Theory]
    [InlineData(Mistake.NoFileSync)]
    [InlineData(Mistake.NoFolderSync)]
    [InlineData(Mistake.RowFirst)]
    public async Task F13_a_protocol_without_one_of_its_steps_is_found_out(Mistake mistake)
    {
        const string path = "/home/c/0001-1-100.safetensors";
        var disk = new LoggedDisk();
        disk.MakeDurably("/home");
        disk.MakeDurably("/home/c");
        if (mistake == Mistake.RowFirst) disk.CommitRow(path, New);
        await Store(disk, path, New);
        if (mistake != Mistake.RowFirst) disk.CommitRow(path, New);
        disk.Forget(mistake);

        Assert.Contains(disk.CrashStates(), state => state.Row is not null && !Same(state.Read(path), New));
    }

    public enum Mistake { NoFileSync, NoFolderSync, RowFirst }

    private static async Task Store(LoggedDisk disk, string path, byte[] content)
    {
        await using var file = ArtifactFile.Create(disk, path, content.Length, "checkpoint");
        foreach (var part in content.Chunk(5)) await file.Content.WriteAsync(part);
        await file.CommitAsync(default);
    }

    private static string? Hash(byte[]? content) => content is null ? null : Convert.ToHexString(SHA256.HashData(content));

    private static bool Same(byte[]? left, byte[] right) => left is not null && left.AsSpan().SequenceEqual(right);

    /// <summary>What a power cut left.</summary>
    private sealed record CrashState(SortedDictionary<string, byte[]> Files, string? Row, string Story)
    {
        public byte[]? Read(string path) => Files.GetValueOrDefault(path);

        public override string ToString() => Story;
    }

    private abstract record Op
    {
        public sealed record Folder(string Path) : Op;

        public sealed record Create(string Path, int File) : Op;

        public sealed record Write(int File, int At, byte[] Bytes) : Op;

        public sealed record Sync(int File) : Op;

        public sealed record Rename(string From, string To) : Op;

        public sealed record SyncFolder(string Path) : Op;

        public sealed record Delete(string Path) : Op;

        public sealed record Row(string Hash) : Op;
    }

    /// <summary>A disk in memory that writes down what was asked of it.</summary>
    private sealed class LoggedDisk : IDisk
    {
        private readonly List<Op> _ops = [];
        private int _files, _durable;

        public void PutDurably(string path, byte[] content)
        {
            for (var folder = Path.GetDirectoryName(path); folder is not null and not "/"; folder = Path.GetDirectoryName(folder)) _ops.Insert(0, new Op.Folder(folder));
            _ops.Add(new Op.Create(path, _files));
            _ops.Add(new Op.Write(_files++, 0, content));
            _durable = _ops.Count;
        }

        public void MakeDurably(string folder)
        {
            _ops.Add(new Op.Folder(folder));
            _durable = _ops.Count;
        }

        // The store syncs before it says so: a row is durable at once.
        public void CommitRow(string path, byte[] content) => _ops.Add(new Op.Row(Hash(content)!));

        public void Forget(Mistake mistake) => _ops.RemoveAll(op => mistake switch
        {
            Mistake.NoFileSync => op is Op.Sync,
            Mistake.NoFolderSync => op is Op.SyncFolder,
            _ => false,
        });

        public bool FolderExists(string folder) => folder == "/" || _ops.OfType<Op.Folder>().Any(made => made.Path == folder);

        public void CreateFolder(string folder) => _ops.Add(new Op.Folder(folder));

        public IDiskFile Create(string path, long length)
        {
            _ops.Add(new Op.Create(path, _files));
            return new LoggedFile(_ops, _files++);
        }

        public void Rename(string from, string to) => _ops.Add(new Op.Rename(from, to));

        public void SyncFolder(string folder) => _ops.Add(new Op.SyncFolder(folder));

        public void Delete(string path) => _ops.Add(new Op.Delete(path));

        public long? FreeBytes(string folder) => null;

        /// <summary>Every prefix of the calls, and for each all subsets of what was not synced in it.</summary>
        public List<CrashState> CrashStates()
        {
            var states = new List<CrashState>();
            for (var length = _durable; length <= _ops.Count; length++)
            {
                var loose = Enumerable.Range(_durable, length - _durable).Where(at => IsLoose(at, length)).ToArray();
                Assert.InRange(loose.Length, 0, 14);
                for (var kept = 0; kept < 1 << loose.Length; kept++)
                {
                    var lost = loose.Where((_, bit) => (kept & (1 << bit)) == 0).ToHashSet();
                    states.Add(Build(length, lost));
                }
            }

            return states;
        }

        // Not made durable by a later sync within the prefix.
        private bool IsLoose(int at, int length)
        {
            var later = _ops.GetRange(at + 1, length - at - 1);
            return _ops[at] switch
            {
                Op.Write write => !later.OfType<Op.Sync>().Any(sync => sync.File == write.File),
                Op.Create create => !SyncedFolder(later, create.Path),
                Op.Folder folder => !SyncedFolder(later, folder.Path),
                Op.Rename rename => !SyncedFolder(later, rename.To),
                Op.Delete delete => !SyncedFolder(later, delete.Path),
                _ => false,
            };
        }

        private static bool SyncedFolder(IEnumerable<Op> later, string path) => later.OfType<Op.SyncFolder>().Any(sync => sync.Path == Path.GetDirectoryName(path));

        private CrashState Build(int length, HashSet<int> lost)
        {
            var contents = new Dictionary<int, byte[]>();
            var names = new SortedDictionary<string, int>(StringComparer.Ordinal);
            var created = new Dictionary<string, int>();
            var folders = new HashSet<string> { "/" };
            string? row = null;
            for (var at = 0; at < length; at++)
            {
                var happened = !lost.Contains(at);
                switch (_ops[at])
                {
                    case Op.Folder folder when happened: folders.Add(folder.Path); break;
                    case Op.Create create:
                        contents[create.File] = [];
                        created[create.Path] = create.File;
                        if (happened) names[create.Path] = create.File;
                        break;
                    case Op.Write write: contents[write.File] = Patch(contents[write.File], write, happened); break;
                    case Op.Rename rename when happened:
                        // The rename is one change of the folder: also where the name before it was never durable.
                        names[rename.To] = created[rename.From];
                        names.Remove(rename.From);
                        break;
                    case Op.Delete delete when happened: names.Remove(delete.Path); break;
                    case Op.Row stored: row = stored.Hash; break;
                }
            }

            var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
            foreach (var (path, file) in names)
            {
                var reachable = true;
                for (var folder = Path.GetDirectoryName(path); folder is not null; folder = Path.GetDirectoryName(folder)) reachable &= folders.Contains(folder);
                if (reachable) files[path] = contents[file];
            }

            return new(files, row, $"{length} of {_ops.Count} calls, without {string.Join(", ", lost.Order().Select(at => _ops[at]))}");
        }

        // A write that was lost may leave a hole where later ones did not: the length is metadata of its own.
        private static byte[] Patch(byte[] content, Op.Write write, bool happened)
        {
            if (!happened) return content;
            var patched = new byte[Math.Max(content.Length, write.At + write.Bytes.Length)];
            content.CopyTo(patched, 0);
            write.Bytes.CopyTo(patched, write.At);
            return patched;
        }

        private sealed class LoggedFile(List<Op> ops, int file) : IDiskFile
        {
            public Stream Content { get; } = new LoggedStream(ops, file);

            public ValueTask SyncAsync(CancellationToken cancellation)
            {
                ops.Add(new Op.Sync(file));
                return ValueTask.CompletedTask;
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }

        private sealed class LoggedStream(List<Op> ops, int file) : MemoryStream
        {
            public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            {
                ops.Add(new Op.Write(file, (int)Position, buffer.ToArray()));
                Position += buffer.Length;
                return ValueTask.CompletedTask;
            }
        }
    }
}
