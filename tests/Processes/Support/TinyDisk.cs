using System.Diagnostics;

namespace Vae.Tests.Processes.Support;

/// <summary>A small file system in memory, mounted for one test.</summary>
internal sealed class TinyDisk : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-disk-");

    /// <param name="kilobytes">Its size.</param>
    public TinyDisk(int kilobytes)
    {
        if (Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", Path) == 0) return;
        _folder.Delete();
        throw new InvalidOperationException($"tmpfs could not be mounted on {Path}.");
    }

    /// <summary>Whether a tmpfs can be mounted here: root is not enough inside of a container.</summary>
    public static bool IsAvailable { get; } = Try();

    public string Path => _folder.FullName;

    public void Dispose()
    {
        Run("umount", "--lazy", Path);
        _folder.Delete();
    }

    private static bool Try()
    {
        if (Checkout.Find("mount") is null || Checkout.Find("umount") is null) return false;
        try
        {
            using var disk = new TinyDisk(64);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
