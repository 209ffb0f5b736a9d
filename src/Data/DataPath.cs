namespace Vae.Data;

/// <summary>Where a path of a sweep file leads, and whether it may be followed.</summary>
public static class DataPath
{
    private const int LinksMax = 40; // What Linux allows; a circle of links ends here.

    /// <summary>The absolute path.</summary>
    /// <param name="path">As the user wrote it.</param>
    /// <param name="baseDirectory">What a relative path is meant from.</param>
    /// <param name="dataRoot">If given, the folder which the file must lie in after all links are followed.</param>
    /// <exception cref="DatasetException">The path is no path, or leads out of <paramref name="dataRoot"/>.</exception>
    public static string Resolve(string path, string baseDirectory, string? dataRoot = null)
    {
        if (path.Contains('\0')) throw new DatasetException("dataset: a path holds a zero character. Remove it.");
        var full = Path.GetFullPath(path, Path.GetFullPath(baseDirectory));
        if (dataRoot is null) return full;

        var root = FollowLinks(Path.GetFullPath(dataRoot));
        var real = FollowLinks(full);
        var inside = root.EndsWith(Path.DirectorySeparatorChar) ? root : root + Path.DirectorySeparatorChar;
        return real.StartsWith(inside, StringComparison.Ordinal)
            ? real
            : throw new DatasetException(path, null, "a path inside the data folder", "one that leads out of it", "Move the file there, or start the coordinator with another data folder.");
    }

    // Each part of the path may be a link, not only the last one.
    private static string FollowLinks(string full)
    {
        for (var followed = 0; followed < LinksMax; followed++)
        {
            if (FindLink(full) is not var (link, tail)) return full;
            var target = new FileInfo(link).LinkTarget!;
            full = Path.GetFullPath(Path.Combine(target, tail), Path.GetDirectoryName(link)!);
        }

        throw new DatasetException($"{full}: more than {LinksMax} symbolic links in a row. They probably form a circle.");
    }

    private static (string Link, string Tail)? FindLink(string full)
    {
        for (var end = full.IndexOf(Path.DirectorySeparatorChar, 1); ; end = full.IndexOf(Path.DirectorySeparatorChar, end + 1))
        {
            var part = end < 0 ? full : full[..end];
            if (new FileInfo(part).LinkTarget is not null) return (part, end < 0 ? "" : full[(end + 1)..]);
            if (end < 0) return null;
        }
    }
}
