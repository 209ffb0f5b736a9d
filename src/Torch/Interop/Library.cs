using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Finds the shim and puts the process settings in place before it loads: afterwards they would come too late.</summary>
internal static class Library
{
    internal const string Name = "vae_torch";

    private const string FileName = "libvae_torch.so";

    private const string InstallHint =
        "Install libtorch with: apt-get install --no-install-recommends libtorch1.13 libopenblas0-pthread (to build: libtorch-dev), or put another libtorch's lib folder on LD_LIBRARY_PATH.";

    private static nint s_handle;

    [ModuleInitializer]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);

    /// <summary>Loads the shim if it is not loaded.</summary>
    /// <exception cref="TorchUnavailableException">The shim or libtorch is missing.</exception>
    internal static nint Load()
    {
        if (s_handle != 0) return s_handle;
        var path = Find() ?? throw new TorchUnavailableException($"{FileName} is missing beside {AppContext.BaseDirectory}: build the solution again. {InstallHint}");
        return s_handle = LoadFrom(path);
    }

    /// <exception cref="TorchUnavailableException">The file, or something that it needs, cannot be loaded.</exception>
    internal static nint LoadFrom(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new TorchUnavailableException($"libtorch cannot be loaded ({FirstReason(e.Message)}). {InstallHint}", e);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != Name) return 0;
        TorchProcess.EnsureInitialized();
        return s_handle;
    }

    private static string? Find()
    {
        foreach (var folder in (ReadOnlySpan<string>)[AppContext.BaseDirectory, Path.GetDirectoryName(typeof(Library).Assembly.Location) ?? ""])
        {
            var path = Path.Combine(folder, FileName);
            if (File.Exists(path)) return path;
        }

        return null;
    }

    // The runtime's message lists every path it tried; the loader's reason is the line that names a shared object.
    private static string FirstReason(string message)
    {
        foreach (var line in message.Split('\n'))
            if (line.Contains(".so", StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal) && line.Contains("cannot", StringComparison.Ordinal))
                return line.Trim();
        return message.Split('\n')[0].Trim();
    }
}
