using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// One libtorch tensor. It has no finalizer: whoever makes it inside a dispose scope leaves it to the scope, whoever makes it outside
/// disposes it. A reference to a tensor that its scope has freed must not be kept (see <see cref="DisposeScope"/>). Not safe for use by
/// two threads at once.
/// </summary>
public sealed unsafe partial class Tensor : IDisposable
{
    private nint _handle;

    /// <summary>Depth of the scope that owns the tensor on its thread; 0 when no scope does.</summary>
    internal int ScopeLevel;

    internal Tensor(nint handle) => _handle = handle;

    /// <summary>The native tensor.</summary>
    /// <exception cref="ObjectDisposedException">It has been freed.</exception>
    internal nint Handle
    {
        get
        {
            if (_handle == 0) ThrowDisposed();
            return _handle;
        }
    }

    /// <summary>True once freed.</summary>
    public bool IsInvalid => _handle == 0;

    /// <summary>Takes over a native tensor; 0 means that the call failed and is turned into its exception.</summary>
    internal static Tensor Wrap(nint handle)
    {
        if (handle == 0) Status.Throw();
        return DisposeScope.NewTensor(handle);
    }

    /// <summary>Gives a freed wrapper to another native tensor.</summary>
    internal void Reuse(nint handle) => _handle = handle;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle == 0) return;
        NativeTensor.vae_tensor_free(_handle);
        _handle = 0;
    }

    /// <summary>Hands the tensor to the enclosing scope, or to the caller when there is none. Returns it.</summary>
    public Tensor MoveToOuterDisposeScope()
    {
        if (ScopeLevel > 0) ScopeLevel--;
        return this;
    }

    /// <summary>Takes the tensor out of all scopes: the caller disposes it. Returns it.</summary>
    public Tensor DetachFromDisposeScope()
    {
        ScopeLevel = 0;
        return this;
    }

    /// <summary>A second wrapper of the same tensor (same memory, same place in the graph), owned by the current scope.</summary>
    public Tensor alias() => Wrap(NativeTensor.vae_alias(Handle));

    /// <summary>Number of elements.</summary>
    public long NumberOfElements => NativeTensor.vae_numel(Handle);

    /// <summary>Number of elements.</summary>
    public long numel() => NativeTensor.vae_numel(Handle);

    /// <summary>Number of dimensions.</summary>
    public int dim() => NativeTensor.vae_dim(Handle);

    /// <summary>Number of dimensions.</summary>
    public int ndim => NativeTensor.vae_dim(Handle);

    /// <summary>Sizes of all dimensions, in a new array; hot paths ask <see cref="size(long)"/>.</summary>
    public long[] shape
    {
        get
        {
            var sizes = new long[dim()];
            for (var i = 0; i < sizes.Length; i++) sizes[i] = size(i);
            return sizes;
        }
    }

    /// <summary>Size of one dimension; negative ones count from the end.</summary>
    /// <exception cref="TorchException">There is no such dimension.</exception>
    public long size(long dim)
    {
        long value;
        Status.Check(NativeTensor.vae_size(Handle, dim, &value));
        return value;
    }

    /// <summary>Elements between neighbours of one dimension.</summary>
    /// <exception cref="TorchException">There is no such dimension.</exception>
    public long stride(long dim)
    {
        long value;
        Status.Check(NativeTensor.vae_stride(Handle, dim, &value));
        return value;
    }

    /// <summary>Element type.</summary>
    public ScalarType dtype => (ScalarType)NativeTensor.vae_dtype(Handle);

    /// <summary>Where the memory lies.</summary>
    public torch.Device device
    {
        get
        {
            int type, index;
            NativeTensor.vae_device(Handle, &type, &index);
            return new((DeviceType)type, Math.Max(index, 0));
        }
    }

    /// <summary>True when the elements lie in row-major order without gaps.</summary>
    public bool is_contiguous() => NativeTensor.vae_is_contiguous(Handle) != 0;

    /// <summary>
    /// The memory of a contiguous CPU tensor. The span does not keep the tensor alive: it must not outlive it or its scope.
    /// </summary>
    /// <exception cref="InvalidOperationException">On another device, not contiguous, or of another element size.</exception>
    public Span<T> data<T>() where T : unmanaged
    {
        if (device.type != DeviceType.CPU) throw new InvalidOperationException($"The tensor lies on {device}; copy it with cpu() first.");
        if (!is_contiguous()) throw new InvalidOperationException("The tensor is not contiguous; take contiguous() first.");
        if (!Holds<T>(dtype)) throw new InvalidOperationException($"The tensor holds {dtype}, not {typeof(T).Name}.");
        void* pointer;
        Status.Check(NativeTensor.vae_data_ptr(Handle, &pointer));
        return new(pointer, checked((int)numel()));
    }

    /// <summary>A copy of all elements in row-major order, whatever the device and layout.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        return detach().cpu().contiguous().data<T>().ToArray();
    }

    /// <summary>The value of a tensor with one element, as a number of the given type.</summary>
    /// <exception cref="TorchException">It has more than one element.</exception>
    public T item<T>() where T : unmanaged, System.Numerics.INumberBase<T> => T.CreateTruncating(item());

    /// <summary>The value of a tensor with one element.</summary>
    /// <exception cref="TorchException">It has more than one element.</exception>
    public double item()
    {
        double value;
        Status.Check(NativeTensor.vae_item(Handle, &value));
        return value;
    }

    /// <inheritdoc/>
    public override string ToString() => IsInvalid
        ? "Tensor (freed)"
        : string.Create(CultureInfo.InvariantCulture, $"Tensor [{string.Join(", ", shape)}] {dtype} on {device}");

    private static bool Holds<T>(ScalarType type) => type switch
    {
        ScalarType.UInt8 => typeof(T) == typeof(byte),
        ScalarType.Int32 => typeof(T) == typeof(int),
        ScalarType.Int64 => typeof(T) == typeof(long),
        ScalarType.Float16 => typeof(T) == typeof(Half),
        ScalarType.Float32 => typeof(T) == typeof(float),
        ScalarType.Float64 => typeof(T) == typeof(double),
        ScalarType.Bool => typeof(T) == typeof(bool) || typeof(T) == typeof(byte),
        ScalarType.BFloat16 => typeof(T) == typeof(ushort),
        _ => false,
    };

    private static void ThrowDisposed() => throw new ObjectDisposedException(nameof(Tensor), "The tensor has been freed, by Dispose or with its scope.");
}

/// <summary>Turns the status of a native call into an exception.</summary>
internal static unsafe class Status
{
    /// <exception cref="TorchException">The status is not 0.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int status)
    {
        if (status != 0) Throw();
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    internal static void Throw()
    {
        var text = Marshal.PtrToStringUTF8((nint)NativeTensor.vae_last_error()) ?? "";
        throw new TorchException(Clean(text));
    }

    // Older libtorch appends its C++ stack after this line even when backtraces are off.
    internal static string Clean(string text)
    {
        var end = text.IndexOf("\nException raised from", StringComparison.Ordinal);
        var clean = (end < 0 ? text : text[..end]).Trim();
        return clean.Length == 0 ? "libtorch failed without a message" : clean;
    }
}
