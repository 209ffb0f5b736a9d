using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>Is told, parameter by parameter, that backward has finished a gradient.</summary>
public interface IGradientListener
{
    /// <summary>
    /// The gradient of parameter <paramref name="segment"/> (an index of <see cref="FlatParameters.Segments"/>) is complete for this backward. Called on the
    /// thread that runs backward, inside it: it must be quick and must not throw, for there is native code underneath.
    /// </summary>
    void GradientReady(int segment);
}

/// <summary>
/// One hook for each parameter of a flat buffer. A backward calls each hook once, after the gradient's last addition, roughly from the last layer to the
/// first; a parameter that the loss does not depend on is not reported. Allocates nothing while backward runs.
/// </summary>
public sealed unsafe class GradientHooks : IDisposable
{
    // Native code carries a number, not a reference: after Dispose a graph that is still alive may call once more, and then finds nobody.
    private static readonly ConcurrentDictionary<long, (IGradientListener Listener, int Segment)> s_hooks = new();
    private static long s_lastTag;

    private readonly nint[] _owners;
    private readonly long[] _tags;

    /// <param name="flat">Whose parameters to watch.</param>
    /// <param name="listener">Who is told.</param>
    public GradientHooks(FlatParameters flat, IGradientListener listener)
    {
        var parameters = flat.Leaves;
        _owners = new nint[parameters.Length];
        _tags = new long[parameters.Length];
        delegate* unmanaged<long, void> callback = &Ready;
        for (var segment = 0; segment < parameters.Length; segment++)
        {
            var tag = _tags[segment] = Interlocked.Increment(ref s_lastTag);
            s_hooks[tag] = (listener, segment);
            fixed (nint* owner = &_owners[segment]) Status.Check(NativeAutograd.vae_hook_gradient_ready(parameters[segment].Handle, callback, tag, owner));
        }
    }

    /// <summary>Ends the reports. No backward may run.</summary>
    public void Dispose()
    {
        for (var i = 0; i < _tags.Length; i++)
        {
            s_hooks.TryRemove(_tags[i], out _);
            if (_owners[i] != 0) NativeAutograd.vae_unhook(_owners[i]);
            _owners[i] = 0;
        }
    }

    [UnmanagedCallersOnly]
    private static void Ready(long tag)
    {
        if (s_hooks.TryGetValue(tag, out var hook)) hook.Listener.GradientReady(hook.Segment);
    }
}
