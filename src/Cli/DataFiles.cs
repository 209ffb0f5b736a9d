using Vae.Data;
using Vae.Shared.Datasets;

namespace Vae.Cli;

/// <summary>A look at the files that a sweep names, before anything is started for it. Whether they are sound is found when they are read.</summary>
internal static class DataFiles
{
    /// <exception cref="DatasetException">A file is missing.</exception>
    public static void RequirePresent(DatasetSource source, string baseDirectory)
    {
        if (source.Source == DatasetSource.Sprites) return;
        foreach (var path in (string?[])[source.Images, source.Labels])
        {
            if (path is not { Length: > 0 }) continue;
            var full = DataPath.Resolve(path, baseDirectory);
            if (Directory.Exists(full)) throw new DatasetException(path, null, "a file", "a folder", "Name the file in it.");
            if (!File.Exists(full)) throw new DatasetException(path, null, "a file", $"nothing at {full}", "Correct the path; a relative one is meant from the folder of the sweep file.");
        }
    }
}
