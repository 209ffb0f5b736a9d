using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Vae.Cli.Local;
using Vae.Cli.Terminal;
using Vae.Runtime;
using Vae.Torch;

namespace Vae.Cli.Doctor;

/// <summary>Looks at everything that training needs from a machine. Changes nothing but a file in the home folder that is removed at once.</summary>
internal static class Checkup
{
    private const long DiskLow = 2L << 30, MemoryLow = 2L << 30;
    private static readonly string[] Packages = ["libtorch1.13", "libtorch-dev", "libopenblas0-pthread", "libgomp1", "cmake", "g++"];

    /// <param name="home">Where state lives.</param>
    /// <param name="port">The port that a coordinator would take.</param>
    public static IReadOnlyList<Check> Run(string home, int port)
    {
        var checks = new List<Check>
        {
            new("vae", Verdict.Ok, $"{ProgramVersion.Text}, commit {ProgramVersion.Commit}"),
            new(".NET", Verdict.Ok, $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}"),
            new("system", Verdict.Ok, RuntimeInformation.OSDescription),
            Memory(),
        };
        checks.AddRange(Torch());
        checks.Add(Home(home));
        checks.Add(Disk(home));
        checks.Add(Port(port));
        if (AptPackages() is { } packages) checks.Add(packages);
        return checks;
    }

    private static Check Memory()
    {
        var bytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new("memory", bytes < MemoryLow ? Verdict.Warn : Verdict.Ok, Units.Bytes(bytes), bytes < MemoryLow ? "Use few workers and small models; each worker takes some 300 MiB before it trains." : "");
    }

    private static List<Check> Torch()
    {
        TorchFacts facts;
        try
        {
            TorchProcess.Initialize();
            facts = TorchProcess.Facts;
        }
        catch (TorchUnavailableException missing)
        {
            return [new("libtorch", Verdict.Fail, missing.Message, "Install it as the message says, then run `vae doctor` again.")];
        }

        var fast = facts.Blas.Contains("openblas", StringComparison.OrdinalIgnoreCase) || facts.Blas.Contains("mkl", StringComparison.OrdinalIgnoreCase);
        var shown = LocalMachine.Find().CudaDevices;
        return
        [
            new("libtorch", Verdict.Ok, facts.LibtorchVersion),
            new("processor", Verdict.Ok, $"{facts.Processor}, {facts.Processors} cores, ATen uses {facts.CpuCapability}"),
            new("threads", Verdict.Ok, $"{facts.Threads} ATen, {facts.BlasThreads} BLAS"),
            new("BLAS", fast ? Verdict.Ok : Verdict.Warn, $"{facts.Blas} {facts.BlasCore}".Trim(),
                fast ? "" : "This BLAS may be many times slower than OpenBLAS: apt-get install --no-install-recommends libopenblas0-pthread"),
            new("CUDA", shown > facts.CudaDevices ? Verdict.Warn : Verdict.Ok, $"{facts.CudaDevices} devices for libtorch, {shown} shown by the driver",
                shown > facts.CudaDevices ? "This libtorch does not see the GPUs: use a libtorch that was built with CUDA, and check the driver." : ""),
        ];
    }

    private static Check Home(string home)
    {
        var folder = Path.GetFullPath(home);
        var existing = Existing(folder);
        var probe = Path.Combine(existing, $".vae-doctor-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}");
        try
        {
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return new("home", Verdict.Ok, existing == folder ? $"{folder} can be written" : $"{folder} can be made");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new("home", Verdict.Fail, exception.Message, "Choose a folder that this user may write with --home or VAE_HOME.");
        }
    }

    private static Check Disk(string home)
    {
        var free = new DriveInfo(Existing(Path.GetFullPath(home))).AvailableFreeSpace;
        return new("disk", free < DiskLow ? Verdict.Warn : Verdict.Ok, $"{Units.Bytes(free)} free", free < DiskLow ? "Free some space, or choose another folder with --home." : "");
    }

    private static Check Port(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return new("port", Verdict.Ok, $"{port} is free");
        }
        catch (SocketException exception)
        {
            return new("port", Verdict.Warn, $"{port} cannot be listened on: {exception.Message}", "A coordinator may be running already; another port is `vae coordinator --port N`. `vae sweep run` needs none.");
        }
    }

    // Null where there is no dpkg: then packages are somebody else's business.
    private static Check? AptPackages()
    {
        try
        {
            var start = new ProcessStartInfo("dpkg-query") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            foreach (var argument in (string[])["-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", .. Packages]) start.ArgumentList.Add(argument);
            using var query = Process.Start(start)!;
            var discarded = query.StandardError.ReadToEndAsync();
            var lines = query.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            query.WaitForExit();
            _ = discarded.Result;
            var installed = lines.Where(line => line.EndsWith(" installed", StringComparison.Ordinal)).Select(line => line[..line.LastIndexOf(' ')]).ToList();
            return new("packages", Verdict.Ok, installed.Count == 0 ? "none of libtorch's are installed by apt" : string.Join(", ", installed));
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private static string Existing(string folder)
    {
        while (!Directory.Exists(folder)) folder = Path.GetDirectoryName(folder) ?? Path.GetPathRoot(Environment.CurrentDirectory)!;
        return folder;
    }
}
