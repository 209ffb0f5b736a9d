using System.Globalization;
using Vae.Data.Files;
using Vae.Shared;

namespace Vae.Worker.Hosting;

/// <summary>
/// The number of a worker process among those of its name: the later one has the greater. Wall-clock time gives it where nothing else is known, as on a fresh machine; but a clock that was set back between two
/// processes must not make the second one look like the first, whose points nobody takes any more. So the last number is kept in a file.
/// </summary>
public static class WorkerIncarnation
{
    /// <param name="folder">Where it is remembered, as long as the folder lives. Made when it is missing.</param>
    /// <param name="name">The worker.</param>
    /// <param name="time">Tells the time of day.</param>
    public static ulong Next(string folder, NodeId name, TimeProvider time)
    {
        var file = Path.Combine(folder, $"{name}.incarnation");
        var now = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
        try
        {
            Directory.CreateDirectory(folder);
            var last = File.Exists(file) && ulong.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var kept) ? kept : 0;
            var next = Math.Max(now, last + 1);
            AtomicFile.Write(file, stream => stream.Write(System.Text.Encoding.ASCII.GetBytes(next.ToString(CultureInfo.InvariantCulture))));
            return next;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return now; // A cache that cannot be written is told of when shards are fetched; the time of day is right nearly always.
        }
    }
}
