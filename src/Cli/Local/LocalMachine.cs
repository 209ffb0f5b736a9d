using System.Text.RegularExpressions;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Local;

/// <summary>What this machine offers to local workers, found without loading libtorch.</summary>
/// <param name="Cores">Logical cores that this process may use.</param>
/// <param name="CudaDevices">Accelerators that the driver shows.</param>
internal sealed partial record LocalMachine(int Cores, int CudaDevices)
{
    public static LocalMachine Find() => new(Environment.ProcessorCount, CountCudaDevices("/dev"));

    internal static int CountCudaDevices(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "nvidia*").Count(path => DeviceName().IsMatch(Path.GetFileName(path))) : 0;

    [GeneratedRegex("^nvidia[0-9]+$")]
    private static partial Regex DeviceName();
}

/// <summary>How many local workers a sweep gets, and what each may use.</summary>
/// <param name="Workers">Processes.</param>
/// <param name="Threads">Compute threads of each.</param>
/// <param name="Device"><c>auto</c>, <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="CudaDevices">Accelerators to deal out; 0 where the device is the processor.</param>
internal sealed record LocalPlan(int Workers, int Threads, string Device, int CudaDevices)
{
    /// <summary>More processes than this on one machine is a typing mistake.</summary>
    public const int WorkersMax = 256;

    /// <summary>
    /// One worker per accelerator. Without one: a single worker, which trains packs side by side on lanes of its own and holds the data set and the libraries once (docs/adr/0011);
    /// only where trials are shared between workers, as many as the sweep can use and the machine has cores.
    /// </summary>
    /// <exception cref="CliException">The sweep needs more workers than were asked for.</exception>
    public static LocalPlan For(SweepDefinition sweep, int? workers, int? threads, string? device, LocalMachine machine)
    {
        device ??= sweep.Resources.Device.ToString().ToLowerInvariant();
        var least = sweep.Resources.WorkersPerPackMin;
        if (workers < least)
        {
            throw new CliException(ExitCode.InvalidInput, $"The sweep needs {least} workers for each trial (resources.workers_per_pack), but --workers is {workers}: no trial could ever start.",
                $"Use --workers {least} or more, or lower workers_per_pack in the sweep file.");
        }

        var cudaDevices = device == "cpu" ? 0 : machine.CudaDevices;
        var useful = (long)Math.Min(SweepTrials.Count(sweep) * (double)sweep.Resources.WorkersPerPackMax, WorkersMax);
        var shared = sweep.Resources.WorkersPerPackMax > 1 ? (int)Math.Min(machine.Cores, useful) : 1;
        var count = workers ?? Math.Max(least, cudaDevices > 0 ? cudaDevices : shared);
        return new(count, threads ?? sweep.Resources.Threads ?? Math.Max(1, machine.Cores / count), device, cudaDevices);
    }

    /// <summary>The device of one worker: with several accelerators each worker has its own.</summary>
    public string DeviceOf(int worker) => CudaDevices > 1 && Device is ("auto" or "cuda") ? $"cuda:{worker % CudaDevices}" : Device;
}
