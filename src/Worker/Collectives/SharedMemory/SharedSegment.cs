using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Vae.Worker.Collectives.Engines;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// Memory that several processes of one host have mapped. It is an anonymous file (memfd): it has no name, so a crash leaves nothing behind and nobody can
/// find it by guessing; the kernel frees it with the last mapping. Others reach it through /proc/PID/fd/N, which the kernel allows to
/// processes of the same user only. Its length is sealed and its pages are taken at once: otherwise a peer that shortened it, or memory
/// running out later, would kill every rank by SIGBUS in the middle of a step.
/// </summary>
internal sealed unsafe partial class SharedSegment : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int CloseOnExec = 1, AllowSealing = 2;
    private const int AddSeals = 1033, GetSeals = 1034, SealSeal = 1, SealShrink = 2, SealGrow = 4, LengthSeals = SealSeal | SealShrink | SealGrow;
    private const int ReadWrite = 2, OpenCloseOnExec = 0x80000;
    private const int ProtectReadWrite = 3, MapShared = 1, MapPopulate = 0x8000;
    private const int SeekEnd = 2;
    private const uint OwnerOnly = 0x180; // 0600

    private int _descriptor;

    private SharedSegment(nint address, long length, int descriptor)
        : base(ownsHandle: true)
    {
        SetHandle(address);
        (Length, _descriptor) = (length, descriptor);
    }

    /// <summary>Bytes mapped.</summary>
    public long Length { get; }

    /// <summary>Where others find it while it is open; -1 afterwards.</summary>
    public int Descriptor => _descriptor;

    public byte* Start => (byte*)handle;

    /// <summary>Makes a segment of zeros that begins with <paramref name="secret"/>.</summary>
    /// <exception cref="EngineUnavailableException">The kernel refuses, or has not that much memory.</exception>
    public static SharedSegment Create(long length, ReadOnlySpan<byte> secret)
    {
        var descriptor = MemoryFile("vae-all-reduce", CloseOnExec | AllowSealing);
        if (descriptor < 0) throw Refused("memfd_create");
        try
        {
            if (ChangeMode(descriptor, OwnerOnly) != 0) throw Refused("fchmod");
            var error = Allocate(descriptor, 0, length);
            if (error != 0) throw new EngineUnavailableException($"no {length >> 20} MiB of shared memory are to be had ({new Win32Exception(error).Message})");
            if (Control(descriptor, AddSeals, LengthSeals) != 0) throw Refused("sealing shared memory");
            var segment = Map(descriptor, length);
            secret.CopyTo(new Span<byte>(segment.Start, secret.Length));
            return segment;
        }
        catch
        {
            _ = Close(descriptor);
            throw;
        }
    }

    /// <summary>Maps the segment that another process (or this one) has made.</summary>
    /// <exception cref="EngineUnavailableException">It cannot be opened, or is not the one meant.</exception>
    public static SharedSegment Open(SegmentAddress address, long length)
    {
        var descriptor = OpenFile($"/proc/{address.ProcessId}/fd/{address.Descriptor}", ReadWrite | OpenCloseOnExec);
        if (descriptor < 0) throw Refused($"opening the segment of process {address.ProcessId}");
        try
        {
            // A stranger's file is no memory with these seals, or has another length, or does not begin with the secret.
            if (Control(descriptor, GetSeals, 0) != LengthSeals || Seek(descriptor, 0, SeekEnd) != length)
                throw new EngineUnavailableException($"what process {address.ProcessId} has open is not this ring's segment");
            var segment = Map(descriptor, length);
            if (CryptographicOperations.FixedTimeEquals(new ReadOnlySpan<byte>(segment.Start, SegmentAddress.SecretBytes), address.Secret)) return segment;
            segment._descriptor = -1; // Closed below.
            segment.Dispose();
            throw new EngineUnavailableException($"the segment of process {address.ProcessId} does not hold this ring's secret");
        }
        catch
        {
            _ = Close(descriptor);
            throw;
        }
    }

    /// <summary>All have mapped it: from now on there is no way to it but the mappings.</summary>
    public void CloseDescriptor()
    {
        if (_descriptor < 0) return;
        _ = Close(_descriptor);
        _descriptor = -1;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        CloseDescriptor();
        return Unmap(handle, (nuint)Length) == 0;
    }

    private static SharedSegment Map(int descriptor, long length)
    {
        var address = MapMemory(0, (nuint)length, ProtectReadWrite, MapShared | MapPopulate, descriptor, 0);
        return address == -1 ? throw Refused("mapping shared memory") : new(address, length, descriptor);
    }

    private static EngineUnavailableException Refused(string what) => new($"{what} failed ({new Win32Exception(Marshal.GetLastPInvokeError()).Message})");

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int ChangeMode(int descriptor, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_fallocate")]
    private static partial int Allocate(int descriptor, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, long argument);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(int descriptor, long offset, int origin);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
