using Vae.Torch.Interop;

namespace Vae.Torch;

public static unsafe partial class torch
{
    /// <summary>Element types by TorchSharp's names.</summary>
    public const ScalarType uint8 = ScalarType.UInt8, int32 = ScalarType.Int32, int64 = ScalarType.Int64, float16 = ScalarType.Float16,
        float32 = ScalarType.Float32, float64 = ScalarType.Float64, bfloat16 = ScalarType.BFloat16, @bool = ScalarType.Bool;

    /// <summary>Tensors joined along an existing dimension.</summary>
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0)
    {
        var handles = stackalloc nint[tensors.Length];
        Handles(tensors, handles);
        return Tensor.Wrap(NativeTensor.vae_cat(handles, tensors.Length, dim));
    }

    /// <summary>Tensors joined along a new dimension.</summary>
    public static Tensor stack(ReadOnlySpan<Tensor> tensors, long dim = 0)
    {
        var handles = stackalloc nint[tensors.Length];
        Handles(tensors, handles);
        return Tensor.Wrap(NativeTensor.vae_stack(handles, tensors.Length, dim));
    }

    /// <summary><paramref name="a"/> where the condition holds, else <paramref name="b"/>; broadcast.</summary>
    public static Tensor where(Tensor condition, Tensor a, Tensor b) => Tensor.Wrap(NativeOps.vae_where(condition.Handle, a.Handle, b.Handle));

    /// <summary>See <see cref="Tensor.matmul"/>.</summary>
    public static Tensor matmul(Tensor a, Tensor b) => a.matmul(b);

    /// <summary>See <see cref="Tensor.exp"/>.</summary>
    public static Tensor exp(Tensor value) => value.exp();

    /// <summary>See <see cref="Tensor.logsumexp"/>.</summary>
    public static Tensor logsumexp(Tensor value, long dim, bool keepdim = false) => value.logsumexp(dim, keepdim);

    /// <summary>Opens a region of this thread in which nothing is recorded for gradients.</summary>
    public static GradMode no_grad() => new(false);

    /// <summary>Opens a region of this thread in which operations are recorded, inside a <see cref="no_grad"/> region.</summary>
    public static GradMode enable_grad() => new(true);

    /// <summary>True when operations of this thread are recorded.</summary>
    public static bool is_grad_enabled() => NativeAutograd.vae_is_grad_enabled() != 0;

    /// <summary>Restores the thread's former mode when disposed.</summary>
    public readonly ref struct GradMode : IDisposable
    {
        private readonly int _previous;

        internal GradMode(bool enabled) => _previous = NativeAutograd.vae_set_grad_enabled(enabled ? 1 : 0);

        /// <inheritdoc/>
        public void Dispose() => _ = NativeAutograd.vae_set_grad_enabled(_previous);
    }

    /// <summary>Gradients of several roots.</summary>
    public static class autograd
    {
        /// <summary>Gradients of the outputs with respect to the inputs, leaving every <see cref="Tensor.grad"/> alone; null where unused.</summary>
        /// <exception cref="TorchException">An input is unused and <paramref name="allow_unused"/> is not set.</exception>
        public static Tensor?[] grad(ReadOnlySpan<Tensor> outputs, ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Tensor> grad_outputs = default, bool retain_graph = false,
            bool create_graph = false, bool allow_unused = false)
        {
            if (!grad_outputs.IsEmpty && grad_outputs.Length != outputs.Length) throw new ArgumentException("One gradient per output is needed.", nameof(grad_outputs));
            nint* roots = stackalloc nint[outputs.Length], leaves = stackalloc nint[inputs.Length], incoming = stackalloc nint[outputs.Length], results = stackalloc nint[inputs.Length];
            Handles(outputs, roots);
            Handles(inputs, leaves);
            Handles(grad_outputs, incoming);
            Status.Check(NativeAutograd.vae_autograd_grad(roots, outputs.Length, leaves, inputs.Length, grad_outputs.IsEmpty ? null : incoming,
                retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, results));
            var gradients = new Tensor?[inputs.Length];
            for (var i = 0; i < gradients.Length; i++) gradients[i] = results[i] == 0 ? null : Tensor.Wrap(results[i]);
            return gradients;
        }

        /// <summary>Backward from several roots at once, each with the gradient arriving at it.</summary>
        public static void backward(ReadOnlySpan<Tensor> tensors, ReadOnlySpan<Tensor> grad_tensors, bool retain_graph = false)
        {
            if (grad_tensors.Length != tensors.Length) throw new ArgumentException("One gradient per tensor is needed.", nameof(grad_tensors));
            nint* roots = stackalloc nint[tensors.Length], incoming = stackalloc nint[tensors.Length];
            Handles(tensors, roots);
            Handles(grad_tensors, incoming);
            Status.Check(NativeAutograd.vae_backward(roots, incoming, tensors.Length, retain_graph ? 1 : 0, 0));
        }
    }

    private static void Handles(ReadOnlySpan<Tensor> tensors, nint* handles)
    {
        for (var i = 0; i < tensors.Length; i++) handles[i] = tensors[i].Handle;
    }
}
