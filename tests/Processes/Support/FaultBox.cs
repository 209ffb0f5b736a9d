using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Text;

namespace Vae.Tests.Processes.Support;

/// <summary>
/// Faults from below one or more programs: clocks that jump, syncs that fail, memory that is not to be had, a death right before a chosen step towards durability. The programs are started with
/// <see cref="Environment"/>; orders take effect at once. The other half is <c>native/faults.c</c>.
/// </summary>
internal sealed class FaultBox : IDisposable
{
    public const int InputOutputError = 5; // EIO

    private const int Wall = 0, Steady = 8, DieAtPlace = 16, StepsPlace = 24, SyncErrnoPlace = 32, FailedPlace = 40, BytesMaxPlace = 48, PathPlace = 56, PathBytes = 200;

    private static readonly Lazy<(string Library, string? Problem)> s_built = new(Build);

    private readonly string _file = Path.GetTempFileName();
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _orders;

    /// <param name="path">Part of the paths whose syncs and renames count; empty for none.</param>
    public FaultBox(string path = "")
    {
        _map = MemoryMappedFile.CreateFromFile(_file, FileMode.Open, null, PathPlace + PathBytes);
        _orders = _map.CreateViewAccessor();
        var text = Encoding.UTF8.GetBytes(path);
        Assert.True(text.Length < PathBytes, path);
        _orders.WriteArray(PathPlace, text, 0, text.Length);
    }

    /// <summary>Why no program can be started with it here; null when it can.</summary>
    public static string? Lacks => s_built.Value.Problem;

    /// <summary>What a program's environment needs.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["LD_PRELOAD"] = s_built.Value.Library, ["VAE_TEST_FAULTS"] = _file };

    /// <summary>How far the wall clock is off.</summary>
    public TimeSpan WallClock { set => _orders.Write(Wall, value.Ticks * TimeSpan.NanosecondsPerTick); }

    /// <summary>How far the monotonic clock is off: after a virtual machine has slept, it jumps ahead.</summary>
    public TimeSpan SteadyClock { set => _orders.Write(Steady, value.Ticks * TimeSpan.NanosecondsPerTick); }

    /// <summary>The program is killed right before this durable step, counted from 1; 0 for never.</summary>
    public long DieAt { set => _orders.Write(DieAtPlace, value); }

    /// <summary>Syncs and renames of the meant files so far.</summary>
    public long Steps => _orders.ReadInt64(StepsPlace);

    /// <summary>What syncs of the meant files fail with; 0 for success.</summary>
    public long SyncError { set => _orders.Write(SyncErrnoPlace, value); }

    /// <summary>Syncs that failed by order.</summary>
    public long Failed => _orders.ReadInt64(FailedPlace);

    /// <summary>Larger pieces of memory are refused; 0 for none.</summary>
    public long BytesMax { set => _orders.Write(BytesMaxPlace, value); }

    public void Dispose()
    {
        _orders.Dispose();
        _map.Dispose();
        File.Delete(_file);
    }

    private static (string, string?) Build()
    {
        if (!OperatingSystem.IsLinux()) return ("", "faults from below a program are made for Linux.");
        if (Checkout.Find("cc") is not { } compiler) return ("", "cc is not on the path.");
        var library = Path.Combine(Directory.CreateTempSubdirectory("vae-faults-").FullName, "faults.so");
        using var process = Process.Start(new ProcessStartInfo(
            compiler, ["-O1", "-shared", "-fPIC", "-o", library, Checkout.PathTo("tests", "Processes", "Support", "native", "faults.c"), "-ldl", "-lpthread"])
        { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (library, process.ExitCode == 0 ? null : $"{compiler} cannot build the faults: {said}");
    }
}

/// <summary>A test that puts faults below its programs.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithFaultsBelowAttribute : FactAttribute
{
    public FactWithFaultsBelowAttribute() => Skip = FaultBox.Lacks;
}

/// <inheritdoc cref="FactWithFaultsBelowAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryWithFaultsBelowAttribute : TheoryAttribute
{
    public TheoryWithFaultsBelowAttribute() => Skip = FaultBox.Lacks;
}
