using System.Globalization;
using Vae.Runtime.Actors;

namespace Vae.Runtime.Blobs;

/// <summary>
/// A file on its way to its place: written aside in the same folder, synced, renamed, folder synced. After any crash the file is the old one or the new one, whole. A sync that fails counts as lost
/// data: the file aside is given up and whoever sent it sends it again, into a new one. Retrying the sync would be told that all is well while the pages are gone.
/// </summary>
public sealed class ArtifactFile : IArtifactSink
{
    /// <summary>How files aside end. A crash leaves them behind; see <see cref="RemoveLeftovers"/>.</summary>
    public const string AsideEnd = ".tmp";

    private readonly IDisk _disk;
    private readonly string _what;
    private readonly string _path;
    private readonly string _aside;
    private readonly long _length;
    private readonly IDiskFile _file;
    private bool _committed;

    private ArtifactFile(IDisk disk, string what, string path, string aside, long length, IDiskFile file) => (_disk, _what, _path, _aside, _length, _file) = (disk, what, path, aside, length, file);

    /// <inheritdoc/>
    public Stream Content => _file.Content;

    /// <summary>Makes the folder and the temporary file, with its whole length reserved.</summary>
    /// <param name="path">The final path, chosen by this process and never by a peer.</param>
    /// <param name="length">Bytes that will come.</param>
    /// <param name="what">What it is, for messages: <c>checkpoint</c>.</param>
    /// <exception cref="UserFitException">There is no room, or the folder may not be written.</exception>
    public static ArtifactFile Create(string path, long length, string what = "artifact") => Create(Disk.Instance, path, length, what);

    internal static ArtifactFile Create(IDisk disk, string path, long length, string what)
    {
        var folder = Path.GetDirectoryName(path)!;
        var aside = $"{path}.{Guid.NewGuid():N}{AsideEnd}";
        try
        {
            CreateFolders(disk, folder);
            return new(disk, what, path, aside, length, disk.Create(aside, length));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            TryDelete(disk, aside);
            throw Refusal(disk, what, folder, length, exception);
        }
    }

    /// <summary>Removes the files aside that a crash left in a folder. Only while nothing is being stored there.</summary>
    /// <returns>How many there were.</returns>
    public static int RemoveLeftovers(string folder)
    {
        if (!Directory.Exists(folder)) return 0;
        var found = Directory.GetFiles(folder, $"*{AsideEnd}");
        foreach (var file in found) TryDelete(Disk.Instance, file);
        return found.Length;
    }

    /// <inheritdoc/>
    public async Task CommitAsync(CancellationToken cancellation)
    {
        try
        {
            await _file.SyncAsync(cancellation);
            await _file.DisposeAsync();
            _disk.Rename(_aside, _path);
            _committed = true;
            _disk.SyncFolder(Path.GetDirectoryName(_path)!); // Without it a power loss may forget the rename, although the content is safe.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Refusal(_disk, _what, Path.GetDirectoryName(_path)!, _length, exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_committed) return;
        try
        {
            await _file.DisposeAsync();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What was buffered could not be written either; the file goes.
        }

        TryDelete(_disk, _aside);
    }

    // A folder that was just made is as easily forgotten as a file: its name lies in the folder above it.
    private static void CreateFolders(IDisk disk, string folder)
    {
        var missing = new Stack<string>();
        for (var at = folder; at is not null && !disk.FolderExists(at); at = Path.GetDirectoryName(at)) missing.Push(at);
        while (missing.TryPop(out var next))
        {
            disk.CreateFolder(next);
            if (Path.GetDirectoryName(next) is { } above) disk.SyncFolder(above);
        }
    }

    private static void TryDelete(IDisk disk, string path)
    {
        try
        {
            disk.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one worth reporting; what stays behind is removed at the next start.
        }
    }

    private static UserFitException Refusal(IDisk disk, string what, string folder, long length, Exception exception)
    {
        var free = disk.FreeBytes(folder) is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes:N0} bytes are free there") : "how much is free there is unknown";
        return new(string.Create(CultureInfo.InvariantCulture, $"A {what} of {length:N0} bytes cannot be stored in the folder of {what}s {folder}: {free}. {exception.Message.TrimEnd('.')}. What was stored before is untouched."), exception);
    }
}
