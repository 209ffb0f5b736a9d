using Vae.Torch.Interop;

namespace Vae.Torch;

/// <content>Gradients.</content>
public sealed unsafe partial class Tensor
{
    /// <summary>True when operations on it are recorded.</summary>
    /// <exception cref="TorchException">Set on a tensor that is not a leaf or not of a floating type.</exception>
    public bool requires_grad
    {
        get => NativeAutograd.vae_requires_grad(Handle) != 0;
        set => Status.Check(NativeAutograd.vae_set_requires_grad(Handle, value ? 1 : 0));
    }

    /// <summary>Sets <see cref="requires_grad"/>. Returns itself.</summary>
    public Tensor requires_grad_(bool value = true)
    {
        requires_grad = value;
        return this;
    }

    /// <summary>True when it was not computed from tensors that require a gradient.</summary>
    public bool is_leaf => NativeAutograd.vae_is_leaf(Handle) != 0;

    /// <summary>
    /// The gradient as a new wrapper owned by the current scope, or null. Backward adds into the tensor set here, so a view of a larger
    /// buffer stays one.
    /// </summary>
    public Tensor? grad
    {
        get
        {
            nint gradient;
            Status.Check(NativeAutograd.vae_grad(Handle, &gradient));
            return gradient == 0 ? null : Wrap(gradient);
        }
        set => Status.Check(NativeAutograd.vae_set_grad(Handle, value?.Handle ?? 0));
    }

    /// <summary>The same memory, unknown to autograd.</summary>
    public Tensor detach() => Wrap(NativeAutograd.vae_detach(Handle));

    /// <summary>Keeps this tensor's identity but takes over the other's memory (same type and device).</summary>
    public void set_data(Tensor data) => Status.Check(NativeAutograd.vae_set_data(Handle, data.Handle));

    /// <summary>Adds the gradients of this one-element tensor to the <see cref="grad"/> of all leaves.</summary>
    /// <exception cref="TorchException">More than one element, or nothing requires a gradient.</exception>
    public void backward(bool retain_graph = false, bool create_graph = false)
    {
        var root = Handle;
        Status.Check(NativeAutograd.vae_backward(&root, null, 1, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0));
    }

    /// <summary>Like <see cref="backward(bool, bool)"/> for any shape, with the gradient arriving at this tensor.</summary>
    public void backward(Tensor gradient, bool retain_graph = false)
    {
        var root = Handle;
        var incoming = gradient.Handle;
        Status.Check(NativeAutograd.vae_backward(&root, &incoming, 1, retain_graph ? 1 : 0, 0));
    }

    /// <summary>
    /// Calls back with <paramref name="tag"/> each time backward has finished this leaf's <see cref="grad"/>, on the thread that runs
    /// backward. The callback must not throw. Dispose the result to stop.
    /// </summary>
    public GradientHook WhenGradientReady(delegate* unmanaged<long, void> callback, long tag)
    {
        nint owner;
        Status.Check(NativeAutograd.vae_hook_gradient_ready(Handle, callback, tag, &owner));
        return new(owner);
    }
}

/// <summary>Keeps a gradient hook alive.</summary>
public sealed class GradientHook : IDisposable
{
    private nint _owner;

    internal GradientHook(nint owner) => _owner = owner;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_owner != 0) NativeAutograd.vae_unhook(_owner);
        _owner = 0;
    }
}
