using System.Diagnostics;

namespace Vae.Tests.Training.Applications;

/// <summary>Skips where no Python with PyTorch is: Debian's package python3-torch brings one.</summary>
public sealed class PyTorchFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Found = new(() => new[] { "python3", "/usr/bin/python3" }.FirstOrDefault(HasTorch));

    public PyTorchFactAttribute()
    {
        if (Found.Value is null) Skip = "No python3 here can import torch; apt-get install --no-install-recommends python3-torch.";
    }

    public static string Python => Found.Value ?? throw new InvalidOperationException("No PyTorch.");

    public static (int Code, string Error) Run(string python, params string[] arguments)
    {
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result + error);
    }

    private static bool HasTorch(string python)
    {
        try
        {
            return Run(python, "-c", "import torch").Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // No such program.
        }
    }
}
