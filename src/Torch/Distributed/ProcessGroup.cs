using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch.Distributed;

/// <summary>An engine of libtorch's c10d.</summary>
public enum ProcessGroupBackend
{
    /// <summary>Over TCP, for buffers on the host.</summary>
    Gloo,

    /// <summary>Between CUDA devices, for buffers on them.</summary>
    Nccl,
}

/// <summary>
/// The ranks that sum with each other through libtorch's c10d, in one membership: a rank that leaves ends the group for all. Sums come from one thread
/// at a time and in the same order on all ranks; <see cref="Abort"/> may come from any.
/// </summary>
public sealed unsafe class ProcessGroup : SafeHandle
{
    private ProcessGroup(nint group) : base(0, ownsHandle: true) => SetHandle(group);

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Null: this process can use the engine. Otherwise why not, as a clause that says what to install.</summary>
    public static string? Lacks(ProcessGroupBackend backend) => Marshal.PtrToStringUTF8((nint)NativeCollective.vae_group_lacks((int)backend));

    /// <summary>Joins the other ranks. Blocks until all have met through their stores.</summary>
    /// <param name="backend">The engine.</param>
    /// <param name="store">This rank's end of the meeting.</param>
    /// <param name="rank">This rank, from 0.</param>
    /// <param name="world">Ranks, at least 2.</param>
    /// <param name="host">Gloo: address of this machine on which the other ranks reach it; Gloo listens there only.</param>
    /// <param name="device">NCCL: the CUDA device of this rank.</param>
    /// <param name="deadline">For the meeting, 1 ms to 1 hour.</param>
    /// <exception cref="TorchException">The ranks did not meet, or this build lacks the engine.</exception>
    public static ProcessGroup Join(ProcessGroupBackend backend, MeetingStore store, int rank, int world, string host, int device, TimeSpan deadline)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(world, 2);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, world);
        var group = NativeCollective.vae_group_new((int)backend, store, rank, world, host, device, Milliseconds(deadline));
        if (group == 0) Status.Throw();
        return new(group);
    }

    /// <summary>Replaces <paramref name="buffer"/> on the host by its sum over all ranks.</summary>
    /// <returns>False: the deadline passed, and the group is of no further use. Nothing touches the buffer any more in any case.</returns>
    /// <exception cref="TorchException">A rank is gone, or the group was aborted.</exception>
    public bool TrySum(Span<float> buffer, TimeSpan deadline)
    {
        fixed (float* data = buffer)
        {
            return Summed(NativeCollective.vae_group_sum(this, data, buffer.Length, Milliseconds(deadline)));
        }
    }

    /// <summary>Replaces a contiguous float32 tensor by its sum over all ranks. On CUDA, work queued behind the call on the current stream sees the sum.</summary>
    /// <inheritdoc cref="TrySum(Span{float}, TimeSpan)"/>
    public bool TrySum(Tensor buffer, TimeSpan deadline) => Summed(NativeCollective.vae_group_sum_tensor(this, buffer.Handle, Milliseconds(deadline)));

    /// <summary>Ends the sum that runs, from any thread, and breaks the connections: peers notice.</summary>
    public void Abort() => Status.Check(NativeCollective.vae_group_abort(this));

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCollective.vae_group_free(handle);
        return true;
    }

    private static bool Summed(int outcome)
    {
        if (outcome == 1) Status.Throw();
        return outcome == 0;
    }

    private static int Milliseconds(TimeSpan deadline)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(deadline, TimeSpan.FromMilliseconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(deadline, TimeSpan.FromHours(1));
        return (int)Math.Ceiling(deadline.TotalMilliseconds);
    }
}
