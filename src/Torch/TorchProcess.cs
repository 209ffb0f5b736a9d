using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>How this process uses the machine.</summary>
/// <param name="Threads">Threads of one operation, 1 to 1,024; 0 takes the number of processors.</param>
/// <param name="InteropThreads">Threads that run independent operations, 1 to 1,024. Ours run one after the other.</param>
/// <param name="FlushDenormals">Treat numbers below 1e-38 as 0. They are slow, but results then differ from PyTorch's in the last bits.</param>
public sealed record TorchSettings(int Threads = 0, int InteropThreads = 1, bool FlushDenormals = false);

/// <summary>What a run must record to be repeated: bits depend on every one of these.</summary>
public sealed record TorchFacts(
    string LibtorchVersion,
    int Threads,
    string CpuCapability,
    string Blas,
    string BlasCore,
    int BlasThreads,
    string Processor,
    int Processors,
    bool CudaAvailable,
    int CudaDevices)
{
    /// <summary>One line for logs.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"libtorch {LibtorchVersion}, {Threads} threads ({CpuCapability}), {Blas} on {BlasCore}, {BlasThreads} BLAS threads, {Processor} x {Processors}, CUDA devices: {CudaDevices}");
}

/// <summary>
/// The one place where process-wide settings are made. Each is worth more than any code: two waiting threads that spin instead of sleep are
/// up to 20 times slower on busy cores, and glibc's default thresholds cost 1,200 page faults per training step wherever memory comes from it: tensors have heaps of their own (<see cref="HostMemory"/>).
/// </summary>
public static unsafe class TorchProcess
{
    private const int TrimThreshold = -1, MmapThreshold = -3, OneGiB = 1 << 30;

    private static readonly Lock s_lock = new();
    private static bool s_ready, s_running;

    /// <summary>
    /// Applies the settings and loads libtorch. Call it first thing in <c>Main</c>; without a call, the first tensor applies the defaults.
    /// A later call can only change the number of threads.
    /// </summary>
    /// <exception cref="TorchUnavailableException">libtorch or the shim is missing; the message says what to install.</exception>
    public static void Initialize(TorchSettings? settings = null)
    {
        settings ??= new();
        var threads = Bounded(settings.Threads == 0 ? Environment.ProcessorCount : settings.Threads, nameof(settings.Threads));
        var interop = Bounded(settings.InteropThreads, nameof(settings.InteropThreads));
        lock (s_lock)
        {
            // The first native call below asks the resolver for the library, which asks here again.
            if (s_running) return;
            if (s_ready)
            {
                SetThreads(threads);
                return;
            }

            s_running = true;
            try
            {
                PrepareEnvironment(threads);
                Library.Load();
                Status.Check(NativeProcess.vae_initialize(threads, interop, settings.FlushDenormals ? 1 : 0));
                s_ready = true;
            }
            finally
            {
                s_running = false;
            }
        }
    }

    /// <summary>Changes the threads of ATen and of the BLAS, 1 to 1,024.</summary>
    public static void SetThreads(int threads) => Status.Check(NativeProcess.vae_set_threads(Bounded(threads, nameof(threads))));

    /// <summary>Changes the threads of ATen's operations on the calling thread, 1 to 1,024. Other threads keep theirs.</summary>
    public static void SetOwnThreads(int threads)
    {
        EnsureInitialized();
        Status.Check(NativeProcess.vae_set_own_threads(Bounded(threads, nameof(threads))));
    }

    /// <summary>Changes the threads of the BLAS, 1 to 1,024, for the whole process: it knows no other way.</summary>
    public static void SetBlasThreads(int threads)
    {
        EnsureInitialized();
        Status.Check(NativeProcess.vae_set_blas_threads(Bounded(threads, nameof(threads))));
    }

    /// <summary>What this process runs on, asked anew each time.</summary>
    public static TorchFacts Facts
    {
        get
        {
            EnsureInitialized();
            return new(Fact(0), NativeProcess.vae_threads(), Fact(2), Fact(3), Fact(4), NativeProcess.vae_blas_threads(), ProcessorName(), Environment.ProcessorCount,
                torch.cuda.is_available(), torch.cuda.device_count());
        }
    }

    /// <summary>libtorch's own description of its build, many lines.</summary>
    public static string Configuration => Fact(1);

    /// <summary>The newest warning that libtorch gave, or nothing.</summary>
    public static string LastWarning => Fact(6);

    internal static void EnsureInitialized()
    {
        if (!s_ready) Initialize();
    }

    // Environment.SetEnvironmentVariable changes only the managed copy; native code reads libc's. A wait policy that the user has
    // set stays; the numbers of threads are ours, since each lane is given its own.
    private static void PrepareEnvironment(int threads)
    {
        var number = threads.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in ((string, string)[])[("OMP_WAIT_POLICY", "PASSIVE"), ("OMP_NUM_THREADS", number), ("OPENBLAS_NUM_THREADS", number), ("MKL_NUM_THREADS", number)])
            _ = NativeProcess.setenv(name, value, overwrite: name == "OMP_WAIT_POLICY" ? 0 : 1);
        _ = NativeProcess.mallopt(TrimThreshold, OneGiB);
        _ = NativeProcess.mallopt(MmapThreshold, OneGiB);
    }

    private static string Fact(int which)
    {
        EnsureInitialized();
        var buffer = new byte[64 * 1024];
        fixed (byte* p = buffer)
        {
            var length = NativeProcess.vae_fact(which, p, buffer.Length);
            if (length < 0) Status.Throw();
            return Encoding.UTF8.GetString(buffer, 0, Math.Min(length, buffer.Length - 1)).Trim();
        }
    }

    private static string ProcessorName()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/cpuinfo"))
                if (line.StartsWith("model name", StringComparison.Ordinal))
                    return line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
        catch (IOException)
        {
            // Not every container shows the file; the architecture is the next best answer.
        }

        return RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static int Bounded(int threads, string name) =>
        threads is >= 1 and <= 1024 ? threads : throw new ArgumentOutOfRangeException(name, threads, "1 to 1,024.");
}
