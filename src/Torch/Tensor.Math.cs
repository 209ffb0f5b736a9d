using Vae.Torch.Interop;

namespace Vae.Torch;

/// <content>Arithmetic. Every method but those whose name ends in an underscore returns a new tensor.</content>
public sealed unsafe partial class Tensor
{
    /// <summary>The negative.</summary>
    public Tensor neg() => Wrap(NativeOps.vae_neg(Handle));

    /// <summary>Magnitude.</summary>
    public Tensor abs() => Wrap(NativeOps.vae_abs(Handle));

    /// <summary>e^x.</summary>
    public Tensor exp() => Wrap(NativeOps.vae_exp(Handle));

    /// <summary>e^x - 1, exact near 0.</summary>
    public Tensor expm1() => Wrap(NativeOps.vae_expm1(Handle));

    /// <summary>Natural logarithm.</summary>
    public Tensor log() => Wrap(NativeOps.vae_log(Handle));

    /// <summary>ln(1 + x), exact near 0.</summary>
    public Tensor log1p() => Wrap(NativeOps.vae_log1p(Handle));

    /// <summary>Square root.</summary>
    public Tensor sqrt() => Wrap(NativeOps.vae_sqrt(Handle));

    /// <summary>1 / sqrt(x).</summary>
    public Tensor rsqrt() => Wrap(NativeOps.vae_rsqrt(Handle));

    /// <summary>x^2.</summary>
    public Tensor square() => Wrap(NativeOps.vae_square(Handle));

    /// <summary>1 / x.</summary>
    public Tensor reciprocal() => Wrap(NativeOps.vae_reciprocal(Handle));

    /// <summary>1 / (1 + e^-x).</summary>
    public Tensor sigmoid() => Wrap(NativeOps.vae_sigmoid(Handle));

    /// <summary>Hyperbolic tangent.</summary>
    public Tensor tanh() => Wrap(NativeOps.vae_tanh(Handle));

    /// <summary>Sine.</summary>
    public Tensor sin() => Wrap(NativeOps.vae_sin(Handle));

    /// <summary>Cosine.</summary>
    public Tensor cos() => Wrap(NativeOps.vae_cos(Handle));

    /// <summary>Next integer below.</summary>
    public Tensor floor() => Wrap(NativeOps.vae_floor(Handle));

    /// <summary>Nearest integer.</summary>
    public Tensor round() => Wrap(NativeOps.vae_round(Handle));

    /// <summary>-1, 0 or 1.</summary>
    public Tensor sign() => Wrap(NativeOps.vae_sign(Handle));

    /// <summary>max(x, 0).</summary>
    public Tensor relu() => Wrap(NativeOps.vae_relu(Handle));

    /// <summary>x sigmoid(x).</summary>
    public Tensor silu() => Wrap(NativeOps.vae_silu(Handle));

    /// <summary>x, or e^x - 1 below 0.</summary>
    public Tensor elu() => Wrap(NativeOps.vae_elu(Handle));

    /// <summary>Error function.</summary>
    public Tensor erf() => Wrap(NativeOps.vae_erf(Handle));

    /// <summary>Logarithm of the gamma function.</summary>
    public Tensor lgamma() => Wrap(NativeOps.vae_lgamma(Handle));

    /// <summary>ln sigmoid(x).</summary>
    public Tensor log_sigmoid() => Wrap(NativeOps.vae_log_sigmoid(Handle));

    /// <summary>True where neither infinite nor NaN.</summary>
    public Tensor isfinite() => Wrap(NativeOps.vae_isfinite(Handle));

    /// <summary>True where 0.</summary>
    public Tensor logical_not() => Wrap(NativeOps.vae_logical_not(Handle));

    /// <summary>Sum, broadcast.</summary>
    public Tensor add(Tensor other) => Wrap(NativeOps.vae_add(Handle, other.Handle));

    /// <summary>Sum, broadcast.</summary>
    public Tensor add(Scalar other) => Wrap(NativeOps.vae_add_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>Difference, broadcast.</summary>
    public Tensor sub(Tensor other) => Wrap(NativeOps.vae_sub(Handle, other.Handle));

    /// <summary>Difference, broadcast.</summary>
    public Tensor sub(Scalar other) => Wrap(NativeOps.vae_sub_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>Product per element, broadcast.</summary>
    public Tensor mul(Tensor other) => Wrap(NativeOps.vae_mul(Handle, other.Handle));

    /// <summary>Product per element, broadcast.</summary>
    public Tensor mul(Scalar other) => Wrap(NativeOps.vae_mul_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>Quotient, broadcast.</summary>
    public Tensor div(Tensor other) => Wrap(NativeOps.vae_div(Handle, other.Handle));

    /// <summary>Quotient, broadcast.</summary>
    public Tensor div(Scalar other) => Wrap(NativeOps.vae_div_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>Power.</summary>
    public Tensor pow(Tensor other) => Wrap(NativeOps.vae_pow(Handle, other.Handle));

    /// <summary>Power.</summary>
    public Tensor pow(Scalar other) => Wrap(NativeOps.vae_pow_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where equal.</summary>
    public Tensor eq(Tensor other) => Wrap(NativeOps.vae_eq(Handle, other.Handle));

    /// <summary>True where equal.</summary>
    public Tensor eq(Scalar other) => Wrap(NativeOps.vae_eq_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where different.</summary>
    public Tensor ne(Tensor other) => Wrap(NativeOps.vae_ne(Handle, other.Handle));

    /// <summary>True where different.</summary>
    public Tensor ne(Scalar other) => Wrap(NativeOps.vae_ne_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where less.</summary>
    public Tensor lt(Tensor other) => Wrap(NativeOps.vae_lt(Handle, other.Handle));

    /// <summary>True where less.</summary>
    public Tensor lt(Scalar other) => Wrap(NativeOps.vae_lt_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where less or equal.</summary>
    public Tensor le(Tensor other) => Wrap(NativeOps.vae_le(Handle, other.Handle));

    /// <summary>True where less or equal.</summary>
    public Tensor le(Scalar other) => Wrap(NativeOps.vae_le_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where greater.</summary>
    public Tensor gt(Tensor other) => Wrap(NativeOps.vae_gt(Handle, other.Handle));

    /// <summary>True where greater.</summary>
    public Tensor gt(Scalar other) => Wrap(NativeOps.vae_gt_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>True where greater or equal.</summary>
    public Tensor ge(Tensor other) => Wrap(NativeOps.vae_ge(Handle, other.Handle));

    /// <summary>True where greater or equal.</summary>
    public Tensor ge(Scalar other) => Wrap(NativeOps.vae_ge_scalar(Handle, other.Value, other.IsInteger));

    /// <summary>The larger of both.</summary>
    public Tensor maximum(Tensor other) => Wrap(NativeOps.vae_maximum(Handle, other.Handle));

    /// <summary>The smaller of both.</summary>
    public Tensor minimum(Tensor other) => Wrap(NativeOps.vae_minimum(Handle, other.Handle));

    /// <summary>Matrix product, batched over leading dimensions.</summary>
    public Tensor matmul(Tensor other) => Wrap(NativeOps.vae_matmul(Handle, other.Handle));

    /// <summary>Product of two matrices.</summary>
    public Tensor mm(Tensor other) => Wrap(NativeOps.vae_mm(Handle, other.Handle));

    /// <summary>Products of two stacks of matrices.</summary>
    public Tensor bmm(Tensor other) => Wrap(NativeOps.vae_bmm(Handle, other.Handle));

    /// <summary>True where both are.</summary>
    public Tensor logical_and(Tensor other) => Wrap(NativeOps.vae_logical_and(Handle, other.Handle));

    /// <summary>True where one is.</summary>
    public Tensor logical_or(Tensor other) => Wrap(NativeOps.vae_logical_or(Handle, other.Handle));

    /// <summary>Softplus ln(1 + e^x); linear above <paramref name="threshold"/>.</summary>
    public Tensor softplus(double beta = 1, double threshold = 20) => Wrap(NativeOps.vae_softplus(Handle, beta, threshold));

    /// <summary>x, or slope times x below 0.</summary>
    public Tensor leaky_relu(double negative_slope = 0.01) => Wrap(NativeOps.vae_leaky_relu(Handle, negative_slope));

    /// <summary>x times the normal distribution function, exact or by its tanh approximation.</summary>
    public Tensor gelu(bool approximate = false) => Wrap(NativeOps.vae_gelu(Handle, approximate ? 1 : 0));

    /// <summary>x limited to [min, max].</summary>
    public Tensor clamp(double min, double max) => Wrap(NativeOps.vae_clamp(Handle, min, max));

    /// <summary>beta this + alpha (a b).</summary>
    public Tensor addmm(Tensor a, Tensor b, double beta = 1, double alpha = 1) => Wrap(NativeOps.vae_addmm(Handle, a.Handle, b.Handle, beta, alpha));

    /// <summary>beta this + alpha (a b) for stacks of matrices.</summary>
    public Tensor baddbmm(Tensor a, Tensor b, double beta = 1, double alpha = 1) => Wrap(NativeOps.vae_baddbmm(Handle, a.Handle, b.Handle, beta, alpha));

    /// <summary>Singular values: this = U diag(S) V^T.</summary>
    public (Tensor U, Tensor S, Tensor V) svd()
    {
        nint u, s, v;
        Status.Check(NativeOps.vae_svd(Handle, &u, &s, &v));
        return (Wrap(u), Wrap(s), Wrap(v));
    }

    /// <summary>Eigenvalues, ascending, and eigenvectors (columns) of a symmetric matrix.</summary>
    public (Tensor Values, Tensor Vectors) eigh()
    {
        nint values, vectors;
        Status.Check(NativeOps.vae_eigh(Handle, &values, &vectors));
        return (Wrap(values), Wrap(vectors));
    }

    /// <summary>See <see cref="add(Tensor)"/>.</summary>
    public static Tensor operator +(Tensor left, Tensor right) => left.add(right);

    /// <summary>See <see cref="add(Scalar)"/>.</summary>
    public static Tensor operator +(Tensor left, Scalar right) => left.add(right);

    /// <summary>See <see cref="sub(Tensor)"/>.</summary>
    public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);

    /// <summary>See <see cref="sub(Scalar)"/>.</summary>
    public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);

    /// <summary>See <see cref="mul(Tensor)"/>.</summary>
    public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);

    /// <summary>See <see cref="mul(Scalar)"/>.</summary>
    public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);

    /// <summary>See <see cref="div(Tensor)"/>.</summary>
    public static Tensor operator /(Tensor left, Tensor right) => left.div(right);

    /// <summary>See <see cref="div(Scalar)"/>.</summary>
    public static Tensor operator /(Tensor left, Scalar right) => left.div(right);

    /// <summary>See <see cref="add(Scalar)"/>.</summary>
    public static Tensor operator +(Scalar left, Tensor right) => right.add(left);

    /// <summary>left - right.</summary>
    public static Tensor operator -(Scalar left, Tensor right) => Wrap(NativeOps.vae_rsub_scalar(right.Handle, left.Value, left.IsInteger));

    /// <summary>See <see cref="mul(Scalar)"/>.</summary>
    public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);

    /// <summary>left / right.</summary>
    public static Tensor operator /(Scalar left, Tensor right) => right.reciprocal().mul(left);

    /// <summary>See <see cref="neg"/>.</summary>
    public static Tensor operator -(Tensor value) => value.neg();

    /// <summary>See <see cref="gt(Tensor)"/>.</summary>
    public static Tensor operator >(Tensor left, Tensor right) => left.gt(right);

    /// <summary>See <see cref="gt(Scalar)"/>.</summary>
    public static Tensor operator >(Tensor left, Scalar right) => left.gt(right);

    /// <summary>See <see cref="lt(Tensor)"/>.</summary>
    public static Tensor operator <(Tensor left, Tensor right) => left.lt(right);

    /// <summary>See <see cref="lt(Scalar)"/>.</summary>
    public static Tensor operator <(Tensor left, Scalar right) => left.lt(right);

    /// <summary>See <see cref="ge(Tensor)"/>.</summary>
    public static Tensor operator >=(Tensor left, Tensor right) => left.ge(right);

    /// <summary>See <see cref="ge(Scalar)"/>.</summary>
    public static Tensor operator >=(Tensor left, Scalar right) => left.ge(right);

    /// <summary>See <see cref="le(Tensor)"/>.</summary>
    public static Tensor operator <=(Tensor left, Tensor right) => left.le(right);

    /// <summary>See <see cref="le(Scalar)"/>.</summary>
    public static Tensor operator <=(Tensor left, Scalar right) => left.le(right);
}
