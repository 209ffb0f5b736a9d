using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Vae.Worker.Collectives;

/// <summary>What a non-blocking send or receive came to.</summary>
internal enum Transfer
{
    /// <summary>At least one byte moved.</summary>
    Moved,

    /// <summary>The kernel's buffer is full (send) or empty (receive): ask poll.</summary>
    WouldBlock,

    /// <summary>The peer closed, or the connection broke.</summary>
    Lost,
}

/// <summary>
/// A connected socket driven by the calling thread alone: send and receive never block, poll(2) does, with a deadline. .NET's
/// own socket calls have no way to wait for two sockets in two directions without a list, an allocation or another thread.
/// Linux only, as the worker is. Holds the handle for its lifetime, so a concurrent close cannot pass the number to a stranger.
/// </summary>
internal sealed unsafe partial class NativeSocket : IDisposable
{
    /// <summary>poll(2): there is something to read.</summary>
    public const short Readable = 0x0001;

    /// <summary>poll(2): there is room to write.</summary>
    public const short Writable = 0x0004;

    /// <summary>poll(2): broken, hung up, not open, or the peer has closed its sending side.</summary>
    public const short Gone = 0x0008 | 0x0010 | 0x0020 | PeerClosed;

    /// <summary>poll(2) on Linux: the peer has closed its sending side.</summary>
    public const short PeerClosed = 0x2000;

    /// <summary>errno EAGAIN.</summary>
    public const int Again = 11;

    private const int DontWait = 0x40, NoSignal = 0x4000, Interrupted = 4, Delete = 2;
    private static ReadOnlySpan<byte> EventLoop => "anon_inode:[eventpoll]"u8;

    private readonly Socket _socket;
    private readonly bool _owned;
    private bool _held;

    /// <param name="socket">Connected.</param>
    /// <param name="owned">It is closed with this object.</param>
    /// <param name="brief">It serves for a few messages only: not worth looking for the event loops that it may be in.</param>
    public NativeSocket(Socket socket, bool owned = true, bool brief = false)
    {
        (_socket, _owned) = (socket, owned);
        socket.SafeHandle.DangerousAddRef(ref _held);
        Descriptor = (int)socket.SafeHandle.DangerousGetHandle();
        if (!brief) LeaveEventLoops(Descriptor);
    }

    public int Descriptor { get; }

    /// <summary>errno of the last call that said <see cref="Transfer.Lost"/>; 0 for an orderly close.</summary>
    public int LastError { get; private set; }

    /// <summary>Sends a prefix of the two runs in one call.</summary>
    public Transfer Send(byte* first, nint firstLength, byte* second, nint secondLength, out nint sent)
    {
        var runs = stackalloc IoVector[2];
        runs[0] = new() { Base = first, Length = firstLength };
        runs[1] = new() { Base = second, Length = secondLength };
        var skip = firstLength == 0 ? 1 : 0;
        var message = new MessageHeader { Vectors = runs + skip, VectorCount = 2 - skip };
        while (true)
        {
            sent = SendMessage(Descriptor, &message, DontWait | NoSignal);
            if (sent > 0) return Transfer.Moved;
            if (Explain(sent) is { } transfer) return transfer;
        }
    }

    /// <summary>Receives what is there, at most <paramref name="length"/> bytes (at least 1).</summary>
    public Transfer Receive(byte* target, nint length, out nint received)
    {
        while (true)
        {
            received = ReceiveBytes(Descriptor, target, length, DontWait);
            if (received > 0) return Transfer.Moved;
            if (Explain(received) is { } transfer) return transfer;
        }
    }

    /// <summary>Sleeps until one of the two is ready or the time is over; interruptions end the sleep early and do no harm.</summary>
    public static void Poll(PollEntry* entries, int count, int milliseconds)
    {
        if (PollDescriptors(entries, (nuint)count, milliseconds) >= 0) return;
        for (var i = 0; i < count; i++) entries[i].Returned = 0;
    }

    /// <summary>Ends both directions at once; wakes whoever polls it, in this process and in the peer.</summary>
    public void Shutdown() => _ = ShutdownDescriptor(Descriptor, 2);

    /// <summary>Says that nothing more will be sent; the peer may still send.</summary>
    public void ShutdownSending() => _ = ShutdownDescriptor(Descriptor, 1);

    public void Dispose()
    {
        if (_held) _socket.SafeHandle.DangerousRelease();
        _held = false;
        if (_owned) _socket.Dispose();
    }

    // Null: a signal came in between; try again.
    private Transfer? Explain(nint result)
    {
        LastError = result == 0 ? 0 : Marshal.GetLastPInvokeError();
        return LastError switch { Again => Transfer.WouldBlock, Interrupted => null, _ => Transfer.Lost };
    }

    // Whoever shook hands over the socket may have waited for it asynchronously, and from then on the runtime's event loop is woken at every packet,
    // though nobody asks it any more. On busy cores that halves the speed of a ring. No asynchronous call may follow.
    private static void LeaveEventLoops(int descriptor)
    {
        Span<byte> target = stackalloc byte[EventLoop.Length + 1]; // One more, so that a longer name does not look like it.
        foreach (var path in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            // A descriptor may be closed while we look: then the link cannot be read, and it is not the loop, which lives as long as the process.
            var length = ReadLink(path, target, (nuint)target.Length);
            if (length == EventLoop.Length && target[..EventLoop.Length].SequenceEqual(EventLoop) && int.TryParse(Path.GetFileName(path), out var loop)) _ = ControlEventLoop(loop, Delete, descriptor, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "readlink", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ReadLink(string path, Span<byte> target, nuint size);

    [LibraryImport("libc", EntryPoint = "epoll_ctl")]
    private static partial int ControlEventLoop(int loop, int operation, int descriptor, nint none);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveBytes(int descriptor, byte* target, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int PollDescriptors(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "shutdown")]
    private static partial int ShutdownDescriptor(int descriptor, int how);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public byte* Base;
        public nint Length;
    }

    /// <summary>struct msghdr of glibc and musl on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nint VectorCount;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }
}
