using System.Globalization;
using Vae.Runtime;
using Vae.Runtime.Actors;
using Vae.Shared.Messages;
using Vae.Torch;

namespace Vae.Worker.Engine;

/// <summary>Chooses the device and says what this worker is. The first touch of libtorch happens here.</summary>
public static class DeviceProbe
{
    /// <summary>Loads libtorch with this process's settings and chooses a device.</summary>
    /// <param name="wanted"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="threads">Compute threads.</param>
    /// <exception cref="TorchUnavailableException">libtorch or the shim is missing.</exception>
    /// <exception cref="UserFitException">The device does not exist here.</exception>
    public static (torch.Device Device, DeviceFacts Facts) Open(string wanted, int threads)
    {
        TorchProcess.Initialize(new TorchSettings(Threads: threads));
        var device = Choose(wanted);
        var facts = TorchProcess.Facts;
        return (device, new DeviceFacts(
            Environment.MachineName, Environment.ProcessId, facts.Processor, Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            device.ToString(), device.type == DeviceType.CUDA ? torch.cuda.get_device_name(device.index) : "",
            device.type == DeviceType.CUDA ? MemoryOf(device) : 0, threads,
            facts.LibtorchVersion, Blas(facts), facts.CpuCapability, ProgramVersion.Text));
    }

    // 0, unknown, where the shim was built without the driver's headers: plans are then not bounded by memory.
    private static long MemoryOf(torch.Device device)
    {
        try
        {
            return torch.cuda.memory(device.index).Total;
        }
        catch (TorchException)
        {
            return 0;
        }
    }

    private static torch.Device Choose(string wanted)
    {
        var available = torch.cuda.device_count();
        if (wanted == "auto") return available > 0 ? torch.CUDA : torch.CPU;
        if (!torch.Device.TryParse(wanted, out var device)) throw new UserFitException($"--device {wanted} is no device; write auto, cpu, cuda or cuda:N.");
        if (device.type == DeviceType.CUDA && device.index >= available)
        {
            throw new UserFitException(available == 0
                ? $"--device {wanted}: this libtorch sees no CUDA device. Use --device cpu, or install a libtorch with CUDA and a driver."
                : string.Create(CultureInfo.InvariantCulture, $"--device {wanted}: this machine has {available} CUDA devices, cuda:0 to cuda:{available - 1}."));
        }

        return device;
    }

    // The library's own text goes on with build flags; name, version and the kernel it chose are what bits depend on.
    private static string Blas(TorchFacts facts) => string.Join(' ', [.. facts.Blas.Split(' ').Take(2), facts.BlasCore]).Trim();
}
