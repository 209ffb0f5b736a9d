using System.Diagnostics;

namespace Vae.Tests.Processes.Cli;

/// <summary>A test that needs a file system of its own, which only root may mount.</summary>
internal sealed class TmpfsFactAttribute : FactAttribute
{
    public TmpfsFactAttribute()
    {
        var folder = Directory.CreateTempSubdirectory("vae-tmpfs-").FullName;
        try
        {
            Mount(folder, "64k");
            Unmount(folder);
        }
        catch (InvalidOperationException refused)
        {
            Skip = $"No small file system can be mounted here: {refused.Message}";
        }

        Directory.Delete(folder);
    }

    public static void Mount(string folder, string size) => Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder);

    public static void Unmount(string folder) => Run("umount", folder);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException(error.Trim());
    }
}
