namespace Vae.Runtime.Blobs;

/// <summary>
/// What storing a file asks of a file system. The real one is <see cref="Disk"/>; tests put one in its place that knows which of these calls a power cut can undo.
/// Every call fails with <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.
/// </summary>
internal interface IDisk
{
    /// <summary>Whether there is such a folder.</summary>
    bool FolderExists(string folder);

    /// <summary>Makes a folder in a folder that is there. Nothing happens when it is there already.</summary>
    void CreateFolder(string folder);

    /// <summary>Makes a file that must not be there yet, with its whole length reserved.</summary>
    IDiskFile Create(string path, long length);

    /// <summary>Renames a file within its folder, over whatever has the name.</summary>
    void Rename(string from, string to);

    /// <summary>Makes what happened in a folder durable: files made, renamed and deleted.</summary>
    void SyncFolder(string folder);

    /// <summary>Deletes a file; nothing happens when there is none.</summary>
    void Delete(string path);

    /// <summary>Bytes that are free where a folder lies; null when the system does not say.</summary>
    long? FreeBytes(string folder);
}

/// <summary>A file that is being written.</summary>
internal interface IDiskFile : IAsyncDisposable
{
    /// <summary>Where the bytes go.</summary>
    Stream Content { get; }

    /// <summary>Makes the content durable. After a failure nothing is known about any part of it, whatever a second call says.</summary>
    ValueTask SyncAsync(CancellationToken cancellation);
}

/// <summary>The file system of this machine.</summary>
internal sealed class Disk : IDisk
{
    public static readonly Disk Instance = new();

    private Disk() { }

    public bool FolderExists(string folder) => Directory.Exists(folder);

    public void CreateFolder(string folder) => Directory.CreateDirectory(folder);

    public IDiskFile Create(string path, long length) => new DiskFile(
        new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, PreallocationSize = length, Options = FileOptions.Asynchronous }));

    public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    public void SyncFolder(string folder) => FolderSync.Sync(folder);

    public void Delete(string path) => File.Delete(path);

    public long? FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private sealed class DiskFile(FileStream file) : IDiskFile
    {
        public Stream Content => file;

        public async ValueTask SyncAsync(CancellationToken cancellation)
        {
            await file.FlushAsync(cancellation);
            file.Flush(flushToDisk: true);
        }

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
