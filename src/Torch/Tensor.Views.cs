using Vae.Torch.Interop;

namespace Vae.Torch;

/// <content>Views and copies.</content>
public sealed unsafe partial class Tensor
{
    /// <summary>The same memory in another shape; one size may be -1.</summary>
    /// <exception cref="TorchException">The sizes do not fit, or the memory does not allow a view.</exception>
    public Tensor view(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape) return Wrap(NativeTensor.vae_view(Handle, p, shape.Length));
    }

    /// <summary>Like <see cref="view"/>, copying where no view exists.</summary>
    public Tensor reshape(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape) return Wrap(NativeTensor.vae_reshape(Handle, p, shape.Length));
    }

    /// <summary>Repeats dimensions of size 1 without copying; -1 keeps a size.</summary>
    public Tensor expand(params ReadOnlySpan<long> shape)
    {
        fixed (long* p = shape) return Wrap(NativeTensor.vae_expand(Handle, p, shape.Length));
    }

    /// <summary>Dimensions in another order.</summary>
    public Tensor permute(params ReadOnlySpan<long> dims)
    {
        fixed (long* p = dims) return Wrap(NativeTensor.vae_permute(Handle, p, dims.Length));
    }

    /// <summary>Two dimensions exchanged.</summary>
    public Tensor transpose(long dim0, long dim1) => Wrap(NativeTensor.vae_transpose(Handle, dim0, dim1));

    /// <summary>A matrix transposed.</summary>
    public Tensor t() => transpose(0, 1);

    /// <summary>The part start .. start + length of one dimension.</summary>
    public Tensor narrow(long dim, long start, long length) => Wrap(NativeTensor.vae_narrow(Handle, dim, start, length));

    /// <summary>The part start .. finish of one dimension in steps.</summary>
    public Tensor slice(long dim, long start, long finish, long step = 1) => Wrap(NativeTensor.vae_slice(Handle, dim, start, finish, step));

    /// <summary>One index of one dimension, which disappears.</summary>
    public Tensor select(long dim, long index) => Wrap(NativeTensor.vae_select(Handle, dim, index));

    /// <summary>One index of the first dimension.</summary>
    public Tensor this[long index] => select(0, index);

    /// <summary>A new dimension of size 1.</summary>
    public Tensor unsqueeze(long dim) => Wrap(NativeTensor.vae_unsqueeze(Handle, dim));

    /// <summary>Removes a dimension of size 1.</summary>
    public Tensor squeeze(long dim) => Wrap(NativeTensor.vae_squeeze(Handle, dim));

    /// <summary>The dimensions from the first to the last given one as one.</summary>
    public Tensor flatten(int start_dim = 0, int end_dim = -1)
    {
        var dims = dim();
        var last = end_dim < 0 ? end_dim + dims : end_dim;
        Span<long> sizes = stackalloc long[dims - (last - start_dim)];
        var product = 1L;
        for (var i = start_dim; i <= last; i++) product *= size(i);
        for (var i = 0; i < start_dim; i++) sizes[i] = size(i);
        sizes[start_dim] = product;
        for (var i = last + 1; i < dims; i++) sizes[i - last + start_dim] = size(i);
        return reshape(sizes);
    }

    /// <summary>Pieces of the given size along one dimension; the last may be smaller.</summary>
    public Tensor[] split(long size, long dim = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        var total = this.size(dim);
        var pieces = new Tensor[Math.Max(1, (total + size - 1) / size)];
        for (var i = 0; i < pieces.Length; i++) pieces[i] = narrow(dim, i * size, Math.Min(size, total - i * size));
        return pieces;
    }

    /// <summary>At most the given number of pieces of equal size along one dimension; the last may be smaller.</summary>
    public Tensor[] chunk(long chunks, long dim = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunks);
        return split(Math.Max(1, (size(dim) + chunks - 1) / chunks), dim);
    }

    /// <summary>Itself, or a copy in row-major order.</summary>
    public Tensor contiguous() => Wrap(NativeTensor.vae_contiguous(Handle));

    /// <summary>A copy that autograd can look through.</summary>
    public Tensor clone() => Wrap(NativeTensor.vae_clone(Handle));

    /// <summary>Itself, or a copy of another type and on another device.</summary>
    public Tensor to(ScalarType type, torch.Device device, bool copy = false) =>
        Wrap(NativeTensor.vae_to(Handle, (int)type, (int)device.type, device.index, copy ? 1 : 0));

    /// <summary>Itself, or a copy of another type.</summary>
    public Tensor to(ScalarType type) => to(type, device);

    /// <summary>Itself, or a copy on another device.</summary>
    public Tensor to(torch.Device device) => to(dtype, device);

    /// <summary>Itself, or a copy on the host.</summary>
    public Tensor cpu() => to(dtype, torch.CPU);

    /// <summary>Copies the other tensor's elements (of any type and device) into this one, unseen by autograd. Returns itself.</summary>
    public Tensor copy_(Tensor source)
    {
        Status.Check(NativeTensor.vae_copy_(Handle, source.Handle));
        return this;
    }

    /// <summary>The slices with the given int64 indices of one dimension.</summary>
    public Tensor index_select(long dim, Tensor index) => Wrap(NativeTensor.vae_index_select(Handle, dim, index.Handle));

    /// <summary>One element per index along one dimension.</summary>
    public Tensor gather(long dim, Tensor index) => Wrap(NativeTensor.vae_gather(Handle, dim, index.Handle));
}
