using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>Memory of an accelerator, in bytes.</summary>
/// <param name="Allocated">In tensors now.</param>
/// <param name="Peak">The most that was in tensors since <see cref="torch.cuda.reset_peak_memory_stats"/>.</param>
/// <param name="Reserved">Kept by libtorch's allocator.</param>
/// <param name="Total">Of the device.</param>
public readonly record struct CudaMemory(long Allocated, long Peak, long Reserved, long Total);

/// <summary>A queue of work on an accelerator. Work of several streams runs side by side; each lane of a worker has its own.</summary>
public sealed class CudaStream : IDisposable
{
    private nint _handle;

    /// <param name="device">An accelerator.</param>
    /// <exception cref="TorchException">This library was built without CUDA.</exception>
    public CudaStream(torch.Device device)
    {
        _handle = NativeCuda.vae_cuda_stream_new(device.index);
        if (_handle == 0) Status.Throw();
    }

    /// <summary>Everything that the calling thread does on the device goes through this stream from now on.</summary>
    public void Use() => Status.Check(NativeCuda.vae_cuda_stream_use(Handle));

    /// <summary>Waits until all work queued so far is done.</summary>
    public void Synchronize() => Status.Check(NativeCuda.vae_cuda_stream_synchronize(Handle));

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeCuda.vae_cuda_stream_free(_handle);
        _handle = 0;
    }

    private nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }
}

/// <summary>
/// A recorded run of operations on a device, replayed by one call: a small model's step is hundreds of launches of a few microseconds each, which cost
/// more than the work. Tensors that the recording read and wrote are read and written again, so they must live as long as the graph, and their
/// shapes are fixed; nothing in a recording may wait for the device or read a number back from it. Record on a <see cref="CudaStream"/> of its own.
/// </summary>
public sealed class CudaGraph : IDisposable
{
    private nint _handle;

    private CudaGraph(nint handle) => _handle = handle;

    /// <summary>Records what <paramref name="body"/> does on this thread's stream. The operations do not run; run the body two or three times before, so that libraries choose their algorithms.</summary>
    /// <exception cref="TorchException">Something in the body cannot be recorded, or this library was built without CUDA.</exception>
    public static CudaGraph Record(Action body)
    {
        var handle = NativeCuda.vae_cuda_graph_new();
        if (handle == 0) Status.Throw();
        var graph = new CudaGraph(handle);
        try
        {
            Status.Check(NativeCuda.vae_cuda_graph_begin(handle));
            try
            {
                body();
            }
            catch
            {
                _ = NativeCuda.vae_cuda_graph_end(handle); // The stream must leave recording, whatever the body's fault was.
                throw;
            }

            Status.Check(NativeCuda.vae_cuda_graph_end(handle));
            return graph;
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Queues the recorded operations on this thread's stream.</summary>
    public void Replay()
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        Status.Check(NativeCuda.vae_cuda_graph_replay(_handle));
    }

    /// <summary>Frees the recording and the memory of its temporaries. No replay may be running.</summary>
    public void Dispose()
    {
        if (_handle != 0) NativeCuda.vae_cuda_graph_free(_handle);
        _handle = 0;
    }
}

public static partial class torch
{
    /// <summary>NVIDIA accelerators.</summary>
    public static unsafe class cuda
    {
        /// <summary>True when this libtorch was built with CUDA and a device is there.</summary>
        public static bool is_available() => device_count() > 0;

        /// <summary>True when streams, graphs and own kernels are in this build: libtorch has CUDA and its headers were found.</summary>
        public static bool is_built() => NativeCuda.vae_cuda_built() != 0;

        /// <summary>Number of devices; 0 for a libtorch without CUDA.</summary>
        public static int device_count() => NativeProcess.vae_cuda_device_count();

        /// <summary>Waits for everything queued on a device.</summary>
        public static void synchronize(int index = 0) => Status.Check(NativeProcess.vae_cuda_synchronize(index));

        /// <summary>Memory of a device now.</summary>
        /// <exception cref="TorchException">No such device, or this library was built without CUDA.</exception>
        public static CudaMemory memory(int index = 0)
        {
            var bytes = stackalloc long[4];
            Status.Check(NativeCuda.vae_cuda_memory(index, bytes));
            return new(bytes[0], bytes[1], bytes[2], bytes[3]);
        }

        /// <summary>Starts <see cref="CudaMemory.Peak"/> anew.</summary>
        public static void reset_peak_memory_stats(int index = 0) => Status.Check(NativeCuda.vae_cuda_reset_peak(index));

        /// <summary>The device's name as the driver tells it, or <c>cuda:N</c> where this build cannot ask.</summary>
        public static string get_device_name(int index = 0)
        {
            const int capacity = 256;
            var buffer = stackalloc byte[capacity];
            return is_built() && NativeCuda.vae_cuda_name(index, buffer, capacity) == 0 ? Marshal.PtrToStringUTF8((nint)buffer)! : new Device(DeviceType.CUDA, index).ToString();
        }

        /// <summary>For people: what this program's own kernels were compiled for, or why the device goes without.</summary>
        public static string kernels(int index = 0)
        {
            const int capacity = 1024;
            var buffer = stackalloc byte[capacity];
            return NativeCuda.vae_cuda_kernels(index, buffer, capacity) >= 0 ? Marshal.PtrToStringUTF8((nint)buffer)! : "unknown";
        }
    }
}
