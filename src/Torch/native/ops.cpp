// Arithmetic, reductions, linear algebra, convolutions, random filling. One exported function per operation, none of them clever.
#include "abi.h"

using namespace vae;

#define VAE_UNARY(name) \
  VAE_API Handle vae_##name(Handle a) { \
    return make([&] { return at::name(get(a)); }); \
  }
#define VAE_BINARY(name) \
  VAE_API Handle vae_##name(Handle a, Handle b) { \
    return make([&] { return at::name(get(a), get(b)); }); \
  }
#define VAE_BINARY_SCALAR(name) \
  VAE_API Handle vae_##name##_scalar(Handle a, double value, int is_integer) { \
    return make([&] { return at::name(get(a), scalar(value, is_integer)); }); \
  }
#define VAE_INPLACE(name) \
  VAE_API int vae_##name##_(Handle a, Handle b) { \
    return run([&] { get(a).name##_(get(b)); }); \
  }
#define VAE_INPLACE_SCALAR(name) \
  VAE_API int vae_##name##_scalar_(Handle a, double value, int is_integer) { \
    return run([&] { get(a).name##_(scalar(value, is_integer)); }); \
  }

VAE_UNARY(neg)
VAE_UNARY(abs)
VAE_UNARY(exp)
VAE_UNARY(expm1)
VAE_UNARY(log)
VAE_UNARY(log1p)
VAE_UNARY(sqrt)
VAE_UNARY(rsqrt)
VAE_UNARY(square)
VAE_UNARY(reciprocal)
VAE_UNARY(sigmoid)
VAE_UNARY(tanh)
VAE_UNARY(sin)
VAE_UNARY(cos)
VAE_UNARY(floor)
VAE_UNARY(round)
VAE_UNARY(sign)
VAE_UNARY(relu)
VAE_UNARY(silu)
VAE_UNARY(elu)
VAE_UNARY(isfinite)
VAE_UNARY(logical_not)
VAE_UNARY(erf)
VAE_UNARY(lgamma)
VAE_UNARY(log_sigmoid)

VAE_BINARY(add)
VAE_BINARY(sub)
VAE_BINARY(mul)
VAE_BINARY(div)
VAE_BINARY(pow)
VAE_BINARY(maximum)
VAE_BINARY(minimum)
VAE_BINARY(matmul)
VAE_BINARY(mm)
VAE_BINARY(bmm)
VAE_BINARY(eq)
VAE_BINARY(ne)
VAE_BINARY(lt)
VAE_BINARY(le)
VAE_BINARY(gt)
VAE_BINARY(ge)
VAE_BINARY(logical_and)
VAE_BINARY(logical_or)

VAE_BINARY_SCALAR(add)
VAE_BINARY_SCALAR(sub)
VAE_BINARY_SCALAR(mul)
VAE_BINARY_SCALAR(div)
VAE_BINARY_SCALAR(pow)
VAE_BINARY_SCALAR(eq)
VAE_BINARY_SCALAR(ne)
VAE_BINARY_SCALAR(lt)
VAE_BINARY_SCALAR(le)
VAE_BINARY_SCALAR(gt)
VAE_BINARY_SCALAR(ge)
VAE_BINARY_SCALAR(rsub)

VAE_INPLACE(add)
VAE_INPLACE(sub)
VAE_INPLACE(mul)
VAE_INPLACE(div)
VAE_INPLACE_SCALAR(add)
VAE_INPLACE_SCALAR(sub)
VAE_INPLACE_SCALAR(mul)
VAE_INPLACE_SCALAR(div)
VAE_INPLACE_SCALAR(fill)

VAE_API int vae_add_scaled_(Handle a, Handle b, double alpha) {
  return run([&] { get(a).add_(get(b), alpha); });
}
VAE_API int vae_zero_(Handle a) {
  return run([&] { get(a).zero_(); });
}
VAE_API Handle vae_softplus(Handle a, double beta, double threshold) {
  return make([&] { return at::softplus(get(a), beta, threshold); });
}
VAE_API Handle vae_leaky_relu(Handle a, double slope) {
  return make([&] { return at::leaky_relu(get(a), slope); });
}
VAE_API Handle vae_gelu(Handle a, int tanh_approximation) {
  return make([&] { return at::gelu(get(a), tanh_approximation ? "tanh" : "none"); });
}
VAE_API Handle vae_clamp(Handle a, double low, double high) {
  return make([&] { return at::clamp(get(a), at::Scalar(low), at::Scalar(high)); });
}
VAE_API Handle vae_where(Handle condition, Handle a, Handle b) {
  return make([&] { return at::where(get(condition), get(a), get(b)); });
}
VAE_API Handle vae_addmm(Handle bias, Handle a, Handle b, double beta, double alpha) {
  return make([&] { return at::addmm(get(bias), get(a), get(b), beta, alpha); });
}
VAE_API Handle vae_baddbmm(Handle bias, Handle a, Handle b, double beta, double alpha) {
  return make([&] { return at::baddbmm(get(bias), get(a), get(b), beta, alpha); });
}

// Reductions: count 0 means "over all dimensions".
VAE_API Handle vae_sum(Handle a, const int64_t* dims, int count, int keepdim) {
  return make([&] { return count == 0 ? at::sum(get(a)) : at::sum(get(a), sizes(dims, count), keepdim != 0); });
}
VAE_API Handle vae_mean(Handle a, const int64_t* dims, int count, int keepdim) {
  return make([&] { return count == 0 ? at::mean(get(a)) : at::mean(get(a), sizes(dims, count), keepdim != 0); });
}
VAE_API Handle vae_var(Handle a, int64_t dim, int unbiased, int keepdim) {
  return make([&] { return at::var(get(a), at::IntArrayRef(dim), unbiased != 0, keepdim != 0); });
}
VAE_API Handle vae_logsumexp(Handle a, int64_t dim, int keepdim) {
  return make([&] { return at::logsumexp(get(a), at::IntArrayRef(dim), keepdim != 0); });
}
VAE_API Handle vae_amax(Handle a, int64_t dim, int keepdim) {
  return make([&] { return at::amax(get(a), at::IntArrayRef(dim), keepdim != 0); });
}
VAE_API Handle vae_amin(Handle a, int64_t dim, int keepdim) {
  return make([&] { return at::amin(get(a), at::IntArrayRef(dim), keepdim != 0); });
}
VAE_API Handle vae_max(Handle a) {
  return make([&] { return at::max(get(a)); });
}
VAE_API Handle vae_min(Handle a) {
  return make([&] { return at::min(get(a)); });
}
VAE_API Handle vae_argmax(Handle a, int64_t dim, int keepdim) {
  return make([&] { return get(a).argmax(dim, keepdim != 0); });
}
VAE_API Handle vae_cumsum(Handle a, int64_t dim) {
  return make([&] { return at::cumsum(get(a), dim); });
}
VAE_API Handle vae_softmax(Handle a, int64_t dim) {
  return make([&] { return at::softmax(get(a), dim); });
}
VAE_API Handle vae_log_softmax(Handle a, int64_t dim) {
  return make([&] { return at::log_softmax(get(a), dim); });
}

VAE_API int vae_svd(Handle a, Handle* u, Handle* s, Handle* v) {
  return run([&] {
    auto result = at::svd(get(a));
    *u = wrap(std::move(std::get<0>(result)));
    *s = wrap(std::move(std::get<1>(result)));
    *v = wrap(std::move(std::get<2>(result)));
  });
}
VAE_API int vae_eigh(Handle a, Handle* values, Handle* vectors) {
  return run([&] {
    auto result = at::linalg_eigh(get(a));
    *values = wrap(std::move(std::get<0>(result)));
    *vectors = wrap(std::move(std::get<1>(result)));
  });
}

VAE_API int vae_normal_(Handle a, double mean, double std, at::Generator* generator) {
  return run([&] {
    at::NoGradGuard no_grad;
    if (generator) get(a).normal_(mean, std, *generator); else get(a).normal_(mean, std);
  });
}
VAE_API int vae_uniform_(Handle a, double low, double high, at::Generator* generator) {
  return run([&] {
    at::NoGradGuard no_grad;
    if (generator) get(a).uniform_(low, high, *generator); else get(a).uniform_(low, high);
  });
}
VAE_API Handle vae_randperm(int64_t n, at::Generator* generator) {
  return make([&] { return generator ? at::randperm(n, *generator, options(4, 0, 0)) : at::randperm(n, options(4, 0, 0)); });
}
