using System.Diagnostics;

namespace Vae.Tests.Training.Applications;

/// <summary>Skips where no Python with PyTorch is: Debian's package python3-torch brings one.</summary>
public sealed class PyTorchFactAttribute : FactAttribute
{
    // The longest of these programs takes seconds; a first import of torch from a cold disk, a minute.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);
    private static readonly Lazy<string?> Found = new(() => new[] { "python3", "/usr/bin/python3" }.FirstOrDefault(HasTorch));

    public PyTorchFactAttribute()
    {
        if (Found.Value is null) Skip = "No python3 here can import torch; apt-get install --no-install-recommends python3-torch.";
    }

    public static string Python => Found.Value ?? throw new InvalidOperationException("No PyTorch.");

    /// <exception cref="TimeoutException">The program did not end in time, and was killed.</exception>
    public static (int Code, string Error) Run(string python, params string[] arguments)
    {
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(Deadline))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{python} {string.Join(' ', arguments)} did not end within {Deadline}.");
        }

        return (process.ExitCode, string.Concat(said.WaitAsync(Deadline).GetAwaiter().GetResult()));
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
