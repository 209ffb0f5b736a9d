using System.CommandLine;
using Vae.Data;
using Vae.Data.Files;

namespace Vae.Cli.Models;

/// <summary>What the two commands on compressed files share.</summary>
internal static class CompressedFile
{
    public static Option<int?> ThreadsOption()
    {
        var threads = new Option<int?>("--threads") { Description = "Threads. The bytes do not depend on them. Default: one for each processor.", HelpName = "N" };
        threads.InRange(1, 1_024);
        return threads;
    }

    public static byte[] Read(string path)
    {
        if (Directory.Exists(path)) throw new DatasetException(path, null, "a .vaez file", "a folder", "Name the file in it.");
        if (!File.Exists(path)) throw new DatasetException(path, null, "a .vaez file", "nothing", "Correct the path.");
        return new FileInfo(path).Length <= Array.MaxLength ? File.ReadAllBytes(path) : throw new DatasetException(path, null, $"at most {Array.MaxLength:N0} bytes", "more", "The file was not written by this program.");
    }

    public static void Write(string path, Action<Stream> write)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        AtomicFile.Write(path, write);
    }
}
