using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>Functions of libtorch under TorchSharp's names. Default type float32, default device the host.</summary>
public static unsafe partial class torch
{
    /// <summary>All 0.</summary>
    public static Tensor zeros(ReadOnlySpan<long> size, ScalarType dtype = ScalarType.Float32, Device device = default, bool requires_grad = false)
    {
        fixed (long* p = size) return Leaf(NativeTensor.vae_zeros(p, size.Length, (int)dtype, (int)device.type, device.index), requires_grad);
    }

    /// <summary>All 1.</summary>
    public static Tensor ones(ReadOnlySpan<long> size, ScalarType dtype = ScalarType.Float32, Device device = default, bool requires_grad = false) =>
        full(size, 1, dtype, device, requires_grad);

    /// <summary>All the same value.</summary>
    public static Tensor full(ReadOnlySpan<long> size, Scalar value, ScalarType dtype = ScalarType.Float32, Device device = default, bool requires_grad = false)
    {
        fixed (long* p = size)
            return Leaf(NativeTensor.vae_full(p, size.Length, value.Value, value.IsInteger, (int)dtype, (int)device.type, device.index), requires_grad);
    }

    /// <summary>Whatever the memory held.</summary>
    public static Tensor empty(ReadOnlySpan<long> size, ScalarType dtype = ScalarType.Float32, Device device = default)
    {
        fixed (long* p = size) return Tensor.Wrap(NativeTensor.vae_empty(p, size.Length, (int)dtype, (int)device.type, device.index));
    }

    /// <summary>start, start + step, ... below stop.</summary>
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType dtype = ScalarType.Int64, Device device = default)
    {
        var integers = start.IsInteger & stop.IsInteger & step.IsInteger;
        return Tensor.Wrap(NativeTensor.vae_arange(start.Value, stop.Value, step.Value, integers, (int)dtype, (int)device.type, device.index));
    }

    /// <summary>0, 1, ... below stop.</summary>
    public static Tensor arange(Scalar stop, ScalarType dtype = ScalarType.Int64, Device device = default) => arange(0, stop, 1, dtype, device);

    /// <summary>The identity matrix.</summary>
    public static Tensor eye(long n, ScalarType dtype = ScalarType.Float32, Device device = default) =>
        Tensor.Wrap(NativeTensor.vae_eye(n, (int)dtype, (int)device.type, device.index));

    /// <summary>Standard normal numbers from the given or the process-wide generator.</summary>
    public static Tensor randn(ReadOnlySpan<long> size, ScalarType dtype = ScalarType.Float32, Device device = default, bool requires_grad = false, Generator? generator = null) =>
        empty(size, dtype, device).normal_(0, 1, generator).requires_grad_(requires_grad);

    /// <summary>Uniform numbers in [0, 1) from the given or the process-wide generator.</summary>
    public static Tensor rand(ReadOnlySpan<long> size, ScalarType dtype = ScalarType.Float32, Device device = default, bool requires_grad = false, Generator? generator = null) =>
        empty(size, dtype, device).uniform_(0, 1, generator).requires_grad_(requires_grad);

    /// <summary>The numbers 0 .. n - 1 in random order, int64.</summary>
    public static Tensor randperm(long n, Generator? generator = null)
    {
        using var hold = new Generator.Hold(generator);
        return Tensor.Wrap(NativeOps.vae_randperm(n, hold.Handle));
    }

    /// <summary>A copy of row-major data. The shape defaults to one dimension.</summary>
    /// <exception cref="TorchException">The shape needs another number of elements.</exception>
    public static Tensor tensor(ReadOnlySpan<float> data, ReadOnlySpan<long> size = default, Device device = default, bool requires_grad = false) =>
        Copy(data, size, ScalarType.Float32, device).requires_grad_(requires_grad);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, ReadOnlySpan{long}, Device, bool)"/>
    public static Tensor tensor(ReadOnlySpan<double> data, ReadOnlySpan<long> size = default, Device device = default, bool requires_grad = false) =>
        Copy(data, size, ScalarType.Float64, device).requires_grad_(requires_grad);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, ReadOnlySpan{long}, Device, bool)"/>
    public static Tensor tensor(ReadOnlySpan<long> data, ReadOnlySpan<long> size = default, Device device = default) => Copy(data, size, ScalarType.Int64, device);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, ReadOnlySpan{long}, Device, bool)"/>
    public static Tensor tensor(ReadOnlySpan<byte> data, ReadOnlySpan<long> size = default, Device device = default) => Copy(data, size, ScalarType.UInt8, device);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, ReadOnlySpan{long}, Device, bool)"/>
    public static Tensor tensor(ReadOnlySpan<bool> data, ReadOnlySpan<long> size = default, Device device = default) => Copy(data, size, ScalarType.Bool, device);

    /// <summary>A tensor over the caller's memory (a mapped file, pinned memory), which must outlive it and all its views.</summary>
    public static Tensor from_blob(void* data, ReadOnlySpan<long> size, ScalarType dtype)
    {
        fixed (long* p = size) return Tensor.Wrap(NativeTensor.vae_from_blob(data, p, size.Length, (int)dtype));
    }

    /// <summary>Tensors living in the process: for leak checks.</summary>
    public static long LiveTensors => NativeTensor.vae_live_tensors();

    private static Tensor Copy<T>(ReadOnlySpan<T> data, ReadOnlySpan<long> size, ScalarType type, Device device) where T : unmanaged
    {
        var length = (long)data.Length;
        if (size.IsEmpty) size = new ReadOnlySpan<long>(&length, 1);
        fixed (T* source = data)
        fixed (long* p = size)
            return Tensor.Wrap(NativeTensor.vae_from_data(source, length * sizeof(T), p, size.Length, (int)type, (int)device.type, device.index));
    }

    private static Tensor Leaf(nint handle, bool requiresGrad)
    {
        var tensor = Tensor.Wrap(handle);
        if (requiresGrad) tensor.requires_grad = true;
        return tensor;
    }
}
