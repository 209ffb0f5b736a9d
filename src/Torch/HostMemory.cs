using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// Memory of tensors on the host. Each thread has a heap of its own (native/heap.h), which keeps what is freed for the next tensor: a training step then takes no memory from the system. The large
/// buffers of <see cref="FlatParameters"/> lie elsewhere and go back when they are disposed.
/// </summary>
public static unsafe class HostMemory
{
    /// <summary>Hands back to the system what the calling thread's tensors have left behind. For the end of a piece of work: the next tensors pay for new pages.</summary>
    public static void Release()
    {
        TorchProcess.EnsureInitialized();
        Status.Check(NativeProcess.vae_release_memory());
    }

    /// <summary>What tensors of the calling thread's heap have in use: now, and at most at a time since this was asked last on this thread. In bytes; 0 where heaps are not used (other systems than Linux).</summary>
    public static (long Now, long Most) InUse()
    {
        TorchProcess.EnsureInitialized();
        long now, most;
        Status.Check(NativeProcess.vae_memory_in_use(&now, &most));
        return (now, most);
    }
}
