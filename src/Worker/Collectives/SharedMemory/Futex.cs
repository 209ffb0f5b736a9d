using System.Runtime.InteropServices;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// Sleeping on a word of shared memory (futex(2)): costs nothing while nobody sleeps, and a sleeper costs no processor. Not the private
/// kind, for the sleepers are in different processes.
/// </summary>
internal static unsafe partial class Futex
{
    private const int Wait = 0, Wake = 1;

    private static readonly nint Number = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 202,
        Architecture.Arm64 => 98,
        _ => -1,
    };

    /// <summary>Whether this processor's system call number is known.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && Number > 0;

    /// <summary>Sleeps while <paramref name="word"/> holds <paramref name="value"/>, at most so long; may return early.</summary>
    public static void Sleep(int* word, int value, TimeSpan most)
    {
        var time = new TimeSpec { Seconds = (long)most.TotalSeconds, Nanoseconds = most.Ticks % TimeSpan.TicksPerSecond * 100 };
        _ = Call(Number, word, Wait, value, &time, null, 0);
    }

    /// <summary>Wakes whoever sleeps on <paramref name="word"/>.</summary>
    public static void WakeAll(int* word) => _ = Call(Number, word, Wake, int.MaxValue, null, null, 0);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Call(nint number, int* word, int operation, int value, TimeSpec* time, int* word2, int value3);

    /// <summary>struct timespec of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
