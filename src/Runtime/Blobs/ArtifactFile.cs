using Vae.Runtime.Actors;

namespace Vae.Runtime.Blobs;

/// <summary>An artifact on its way to a file: written aside in the same folder, synced, renamed, folder synced. After any crash the file is the old one or the new one.</summary>
public sealed class ArtifactFile : IArtifactSink
{
    private readonly string _path;
    private readonly string _aside;
    private readonly FileStream _file;
    private bool _committed;

    private ArtifactFile(string path, string aside, FileStream file) => (_path, _aside, _file) = (path, aside, file);

    /// <inheritdoc/>
    public Stream Content => _file;

    /// <summary>Makes the folder and the temporary file, with its whole length reserved.</summary>
    /// <param name="path">The final path, chosen by this process and never by a peer.</param>
    /// <param name="length">Bytes that will come.</param>
    /// <exception cref="UserFitException">There is no room, or the folder may not be written.</exception>
    public static ArtifactFile Create(string path, long length)
    {
        var aside = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var file = new FileStream(aside, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, PreallocationSize = length, Options = FileOptions.Asynchronous });
            return new(path, aside, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserFitException($"{path}: no artifact of {length} bytes can be stored: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public async Task CommitAsync(CancellationToken cancellation)
    {
        try
        {
            await _file.FlushAsync(cancellation);
            _file.Flush(flushToDisk: true);
            await _file.DisposeAsync();
            File.Move(_aside, _path, overwrite: true);
            FolderSync.Sync(Path.GetDirectoryName(_path)!); // Without it a power loss may forget the rename, although the content is safe.
            _committed = true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserFitException($"{_path}: the artifact cannot be stored: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_committed) return;
        await _file.DisposeAsync();
        File.Delete(_aside);
    }
}
