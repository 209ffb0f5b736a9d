using Vae.Torch.Interop;

namespace Vae.Torch;

/// <content>Reductions and changes in place.</content>
public sealed unsafe partial class Tensor
{
    /// <summary>Sum of all elements.</summary>
    public Tensor sum() => Wrap(NativeOps.vae_sum(Handle, null, 0, 0));

    /// <summary>Sums over the given dimensions.</summary>
    public Tensor sum(ReadOnlySpan<long> dims, bool keepdim = false)
    {
        fixed (long* p = dims) return Wrap(NativeOps.vae_sum(Handle, p, dims.Length, keepdim ? 1 : 0));
    }

    /// <summary>Sums over one dimension.</summary>
    public Tensor sum(long dim, bool keepdim = false) => sum([dim], keepdim);

    /// <summary>Mean of all elements.</summary>
    public Tensor mean() => Wrap(NativeOps.vae_mean(Handle, null, 0, 0));

    /// <summary>Means over the given dimensions.</summary>
    public Tensor mean(ReadOnlySpan<long> dims, bool keepdim = false)
    {
        fixed (long* p = dims) return Wrap(NativeOps.vae_mean(Handle, p, dims.Length, keepdim ? 1 : 0));
    }

    /// <summary>Means over one dimension.</summary>
    public Tensor mean(long dim, bool keepdim = false) => mean([dim], keepdim);

    /// <summary>Variance over one dimension, divided by n - 1 when unbiased, by n otherwise.</summary>
    public Tensor var(long dim, bool unbiased = true, bool keepdim = false) => Wrap(NativeOps.vae_var(Handle, dim, unbiased ? 1 : 0, keepdim ? 1 : 0));

    /// <summary>ln of the sum of e^x over one dimension, without overflow.</summary>
    public Tensor logsumexp(long dim, bool keepdim = false) => Wrap(NativeOps.vae_logsumexp(Handle, dim, keepdim ? 1 : 0));

    /// <summary>Largest elements over one dimension.</summary>
    public Tensor amax(long dim, bool keepdim = false) => Wrap(NativeOps.vae_amax(Handle, dim, keepdim ? 1 : 0));

    /// <summary>Smallest elements over one dimension.</summary>
    public Tensor amin(long dim, bool keepdim = false) => Wrap(NativeOps.vae_amin(Handle, dim, keepdim ? 1 : 0));

    /// <summary>Largest element.</summary>
    public Tensor max() => Wrap(NativeOps.vae_max(Handle));

    /// <summary>Smallest element.</summary>
    public Tensor min() => Wrap(NativeOps.vae_min(Handle));

    /// <summary>int64 position of the largest element along one dimension.</summary>
    public Tensor argmax(long dim, bool keepdim = false) => Wrap(NativeOps.vae_argmax(Handle, dim, keepdim ? 1 : 0));

    /// <summary>Running sums along one dimension.</summary>
    public Tensor cumsum(long dim) => Wrap(NativeOps.vae_cumsum(Handle, dim));

    /// <summary>Softmax over one dimension.</summary>
    public Tensor softmax(long dim) => Wrap(NativeOps.vae_softmax(Handle, dim));

    /// <summary>Logarithm of the softmax over one dimension.</summary>
    public Tensor log_softmax(long dim) => Wrap(NativeOps.vae_log_softmax(Handle, dim));

    /// <summary>See <see cref="add(Tensor)"/>; in place. Returns itself.</summary>
    public Tensor add_(Tensor other)
    {
        Status.Check(NativeOps.vae_add_(Handle, other.Handle));
        return this;
    }

    /// <summary>See <see cref="add(Scalar)"/>; in place. Returns itself.</summary>
    public Tensor add_(Scalar other)
    {
        Status.Check(NativeOps.vae_add_scalar_(Handle, other.Value, other.IsInteger));
        return this;
    }

    /// <summary>See <see cref="sub(Tensor)"/>; in place. Returns itself.</summary>
    public Tensor sub_(Tensor other)
    {
        Status.Check(NativeOps.vae_sub_(Handle, other.Handle));
        return this;
    }

    /// <summary>See <see cref="sub(Scalar)"/>; in place. Returns itself.</summary>
    public Tensor sub_(Scalar other)
    {
        Status.Check(NativeOps.vae_sub_scalar_(Handle, other.Value, other.IsInteger));
        return this;
    }

    /// <summary>See <see cref="mul(Tensor)"/>; in place. Returns itself.</summary>
    public Tensor mul_(Tensor other)
    {
        Status.Check(NativeOps.vae_mul_(Handle, other.Handle));
        return this;
    }

    /// <summary>See <see cref="mul(Scalar)"/>; in place. Returns itself.</summary>
    public Tensor mul_(Scalar other)
    {
        Status.Check(NativeOps.vae_mul_scalar_(Handle, other.Value, other.IsInteger));
        return this;
    }

    /// <summary>See <see cref="div(Tensor)"/>; in place. Returns itself.</summary>
    public Tensor div_(Tensor other)
    {
        Status.Check(NativeOps.vae_div_(Handle, other.Handle));
        return this;
    }

    /// <summary>See <see cref="div(Scalar)"/>; in place. Returns itself.</summary>
    public Tensor div_(Scalar other)
    {
        Status.Check(NativeOps.vae_div_scalar_(Handle, other.Value, other.IsInteger));
        return this;
    }

    /// <summary>Adds alpha times the other tensor in place. Returns itself.</summary>
    public Tensor add_(Tensor other, double alpha)
    {
        Status.Check(NativeOps.vae_add_scaled_(Handle, other.Handle, alpha));
        return this;
    }

    /// <summary>Sets every element. Returns itself.</summary>
    public Tensor fill_(Scalar value)
    {
        Status.Check(NativeOps.vae_fill_scalar_(Handle, value.Value, value.IsInteger));
        return this;
    }

    /// <summary>Sets every element to 0. Returns itself.</summary>
    public Tensor zero_()
    {
        Status.Check(NativeOps.vae_zero_(Handle));
        return this;
    }

    /// <summary>Draws every element from a normal distribution, unseen by autograd. Returns itself.</summary>
    public Tensor normal_(double mean = 0, double std = 1, torch.Generator? generator = null)
    {
        using var hold = new torch.Generator.Hold(generator);
        Status.Check(NativeOps.vae_normal_(Handle, mean, std, hold.Handle));
        return this;
    }

    /// <summary>Draws every element uniformly from [low, high), unseen by autograd. Returns itself.</summary>
    public Tensor uniform_(double low = 0, double high = 1, torch.Generator? generator = null)
    {
        using var hold = new torch.Generator.Hold(generator);
        Status.Check(NativeOps.vae_uniform_(Handle, low, high, hold.Handle));
        return this;
    }
}
