using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/ops.cpp.</summary>
internal static unsafe partial class NativeOps
{
    [LibraryImport(Library.Name)] internal static partial nint vae_neg(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_abs(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_exp(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_expm1(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_log(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_log1p(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_sqrt(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_rsqrt(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_square(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_reciprocal(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_sigmoid(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_tanh(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_sin(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_cos(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_floor(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_round(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_sign(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_relu(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_silu(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_elu(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_isfinite(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_logical_not(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_erf(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_lgamma(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_log_sigmoid(nint a);

    [LibraryImport(Library.Name)] internal static partial nint vae_add(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_sub(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_mul(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_div(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_pow(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_maximum(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_minimum(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_matmul(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_mm(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_bmm(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_eq(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_ne(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_lt(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_le(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_gt(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_ge(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_logical_and(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_logical_or(nint a, nint b);

    [LibraryImport(Library.Name)] internal static partial nint vae_add_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_sub_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_mul_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_div_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_pow_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_eq_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_ne_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_lt_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_le_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_gt_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_ge_scalar(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial nint vae_rsub_scalar(nint a, double value, int isInteger);

    [LibraryImport(Library.Name)] internal static partial int vae_add_(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial int vae_sub_(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial int vae_mul_(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial int vae_div_(nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial int vae_add_scalar_(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial int vae_sub_scalar_(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial int vae_mul_scalar_(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial int vae_div_scalar_(nint a, double value, int isInteger);
    [LibraryImport(Library.Name)] internal static partial int vae_fill_scalar_(nint a, double value, int isInteger);

    [LibraryImport(Library.Name)] internal static partial int vae_add_scaled_(nint a, nint b, double alpha);
    [LibraryImport(Library.Name)] internal static partial int vae_zero_(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_softplus(nint a, double beta, double threshold);
    [LibraryImport(Library.Name)] internal static partial nint vae_leaky_relu(nint a, double slope);
    [LibraryImport(Library.Name)] internal static partial nint vae_gelu(nint a, int tanhApproximation);
    [LibraryImport(Library.Name)] internal static partial nint vae_clamp(nint a, double low, double high);
    [LibraryImport(Library.Name)] internal static partial nint vae_where(nint condition, nint a, nint b);
    [LibraryImport(Library.Name)] internal static partial nint vae_addmm(nint bias, nint a, nint b, double beta, double alpha);
    [LibraryImport(Library.Name)] internal static partial nint vae_baddbmm(nint bias, nint a, nint b, double beta, double alpha);
    [LibraryImport(Library.Name)] internal static partial nint vae_sum(nint a, long* dims, int count, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_mean(nint a, long* dims, int count, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_var(nint a, long dim, int unbiased, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_logsumexp(nint a, long dim, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_amax(nint a, long dim, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_amin(nint a, long dim, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_max(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_min(nint a);
    [LibraryImport(Library.Name)] internal static partial nint vae_argmax(nint a, long dim, int keepdim);
    [LibraryImport(Library.Name)] internal static partial nint vae_cumsum(nint a, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_softmax(nint a, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_log_softmax(nint a, long dim);
    [LibraryImport(Library.Name)] internal static partial int vae_svd(nint a, nint* u, nint* s, nint* v);
    [LibraryImport(Library.Name)] internal static partial int vae_eigh(nint a, nint* values, nint* vectors);
    [LibraryImport(Library.Name)] internal static partial int vae_normal_(nint a, double mean, double std, nint generator);
    [LibraryImport(Library.Name)] internal static partial int vae_uniform_(nint a, double low, double high, nint generator);
    [LibraryImport(Library.Name)] internal static partial nint vae_randperm(long n, nint generator);
}
