using System.Buffers;
using Vae.Torch;

namespace Vae.Models.Files;

/// <summary>The floats of a tensor where they lie, for what takes memory and not spans. Valid while the tensor is.</summary>
/// <param name="tensor">Contiguous float32 on the host. Not owned.</param>
internal sealed class TensorMemory(Tensor tensor) : MemoryManager<float>
{
    /// <inheritdoc/>
    public override Span<float> GetSpan() => tensor.data<float>();

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException("The memory is not the garbage collector's: take the span.");

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
