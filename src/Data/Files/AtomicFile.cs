using System.Globalization;
using System.Runtime.InteropServices;

namespace Vae.Data.Files;

/// <summary>
/// Writes a file so that a reader, also one after a power cut, finds the old content or the new content whole, never a mix and never a
/// torn file: a temporary file in the same folder is written and synced, renamed over the target, and the folder is synced, because the rename
/// itself is only durable then.
/// </summary>
public static partial class AtomicFile
{
    private static long _counter;

    /// <summary>Lets <paramref name="write"/> fill a new file and puts it in the place of <paramref name="path"/>. If anything fails, the old file is untouched and the temporary one is removed.</summary>
    /// <exception cref="IOException">The disk is full, or the system refuses for another reason. A failed sync counts as lost data and is never retried.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"{path} names no file.", nameof(path));
        var temporary = TemporaryName(target);
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 128 * 1024))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }

        SyncFolder(folder);
    }

    /// <summary>As <see cref="Write"/>, for content that is at hand.</summary>
    public static void WriteAllBytes(string path, ReadOnlyMemory<byte> content) => Write(path, stream => stream.Write(content.Span));

    /// <summary>Whether a file name is one of our temporary files, which a crash may leave behind.</summary>
    public static bool IsTemporary(string path) => path.EndsWith(".vae-tmp", StringComparison.Ordinal);

    // The process and a counter keep writers apart; two processes may share a cache folder.
    private static string TemporaryName(string target) =>
        string.Create(CultureInfo.InvariantCulture, $"{target}.{Environment.ProcessId}-{Interlocked.Increment(ref _counter)}.vae-tmp");

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one worth reporting.
        }
    }

    private static void SyncFolder(string folder)
    {
        // Windows has no such call: a rename is journalled there.
        if (OperatingSystem.IsWindows()) return;

        var handle = Open(folder, 0);
        if (handle < 0) throw SystemError("open", folder);
        try
        {
            // Some file systems (FUSE, network shares) cannot sync a folder and say EINVAL; there is nothing more to do on them.
            if (Sync(handle) != 0 && Marshal.GetLastPInvokeError() != InvalidArgument) throw SystemError("sync", folder);
        }
        finally
        {
            _ = Close(handle);
        }
    }

    private const int InvalidArgument = 22;

    private static IOException SystemError(string verb, string folder) =>
        new($"Cannot {verb} the folder {folder}: {Marshal.GetLastPInvokeErrorMessage()}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
