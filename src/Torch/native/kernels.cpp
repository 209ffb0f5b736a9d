// Fused losses of the VAE family as autograd functions. On CPU float32 one pass makes the value and its gradient; any other device or
// type goes through ATen's operations, which autograd differentiates. Both paths are tested against each other.
#include "abi.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

#include "loops.h"

using namespace vae;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

constexpr double kLogVarianceMin = -12.0, kLogVarianceMax = 8.0, kLog2Pi = 1.8378770664093454836;

// Backward hands in one number per replica. When all are one, the gradient made by the forward pass is already the answer.
at::Tensor scale_replicas(const at::Tensor& gradient, const at::Tensor& incoming) {
  auto host = incoming.contiguous();
  const auto* values = host.data_ptr<float>();
  bool all_one = true;
  for (int64_t k = 0; k < host.numel(); k++) all_one = all_one && values[k] == 1.0f;
  if (all_one) return gradient;
  std::vector<int64_t> shape(static_cast<size_t>(gradient.dim()), 1);
  if (gradient.dim() == 3) shape[0] = host.numel();
  return gradient * host.view(shape);
}

struct RowShape {
  int64_t replicas, rows, width;
  bool shared_target;  // one target for all replicas
};

RowShape check_rows(const char* name, const at::Tensor& values, const at::Tensor& target) {
  TORCH_CHECK(values.dim() == 2 || values.dim() == 3, name, ": the first argument must be [K,n,D] or [n,D], got ", values.sizes());
  const int64_t replicas = values.dim() == 3 ? values.size(0) : 1, rows = values.size(-2), width = values.size(-1);
  TORCH_CHECK(target.sizes() == values.sizes() || (target.dim() == 2 && target.size(0) == rows && target.size(1) == width), name,
              ": target ", target.sizes(), " does not fit ", values.sizes());
  return {replicas, rows, width, target.dim() == 2};
}

// Runs body(flat row, row of the target) over all rows and adds up its results per replica in row order, so the sum does not depend on threads.
template <class Body>
at::Tensor sum_rows(const RowShape& shape, double factor, Body body) {
  std::vector<double> sums(static_cast<size_t>(shape.replicas * shape.rows));
  at::parallel_for(0, shape.replicas * shape.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) sums[r] = body(r, shape.shared_target ? r % shape.rows : r);
  });
  auto result = at::empty({shape.replicas}, at::TensorOptions().dtype(at::kFloat));
  for (int64_t k = 0; k < shape.replicas; k++) {
    double sum = 0;
    for (int64_t r = 0; r < shape.rows; r++) sum += sums[k * shape.rows + r];
    result.data_ptr<float>()[k] = static_cast<float>(sum * factor);
  }
  return result;
}

struct BernoulliFunction : torch::autograd::Function<BernoulliFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& target, double scale, bool wants_gradient) {
    const auto shape = check_rows("bernoulli_logits_nll", logits, target);
    auto a = logits.contiguous(), x = target.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(a) : at::Tensor();
    const auto *ap = a.data_ptr<float>(), *xp = x.data_ptr<float>();
    auto* gp = wants_gradient ? gradient.data_ptr<float>() : nullptr;
    auto sums = sum_rows(shape, scale, [&](int64_t row, int64_t target_row) {
      return loops::bernoulli_nll(ap + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width, static_cast<float>(scale));
    });
    if (wants_gradient) ctx->save_for_backward({gradient});
    return sums;
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    return {scale_replicas(ctx->get_saved_variables()[0], incoming[0]), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct GaussianFunction : torch::autograd::Function<GaussianFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& mean, const at::Tensor& target, const at::Tensor& log_variance, double scale, bool wants_gradient) {
    const auto shape = check_rows("gaussian_nll", mean, target);
    auto m = mean.contiguous(), x = target.contiguous(), s = log_variance.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(m) : at::Tensor();
    const auto *mp = m.data_ptr<float>(), *xp = x.data_ptr<float>(), *sp = s.data_ptr<float>();
    auto* gp = wants_gradient ? gradient.data_ptr<float>() : nullptr;
    auto squares = sum_rows(shape, 1.0, [&](int64_t row, int64_t target_row) {
      const double precision = std::exp(-static_cast<double>(sp[row / shape.rows]));
      return precision * loops::squared_error(mp + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width,
                                              static_cast<float>(precision * scale));
    });
    const double count = static_cast<double>(shape.rows) * static_cast<double>(shape.width);
    auto sums = at::empty_like(squares), d_log_variance = at::empty_like(squares);
    for (int64_t k = 0; k < shape.replicas; k++) {
      const double weighted = squares.data_ptr<float>()[k], l = sp[k];
      sums.data_ptr<float>()[k] = static_cast<float>(0.5 * scale * (count * (kLog2Pi + l) + weighted));
      d_log_variance.data_ptr<float>()[k] = static_cast<float>(0.5 * scale * (count - weighted));
    }
    if (wants_gradient) ctx->save_for_backward({gradient, d_log_variance.view(log_variance.sizes())});
    return sums;
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    auto saved = ctx->get_saved_variables();
    return {scale_replicas(saved[0], incoming[0]), at::Tensor(), saved[1] * incoming[0].view(saved[1].sizes()), at::Tensor(), at::Tensor()};
  }
};

// Raw pointers of a tensor that may be absent.
const float* data_or_null(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }
const float* offset_or_null(const float* data, int64_t offset) { return data ? data + offset : nullptr; }

// An argument that autograd must not look at; libtorch 1.13 refuses an undefined tensor as a plain one.
struct Mask {
  at::Tensor value;
};

struct PosteriorFunction : torch::autograd::Function<PosteriorFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& h, const at::Tensor& noise, const Mask& argument) {
    ctx->set_materialize_grads(false);
    const auto& mask = argument.value;
    auto x = h.contiguous(), eps = noise.contiguous(), live = mask.defined() ? mask.to(at::kFloat).contiguous() : mask;
    const int64_t replicas = x.dim() == 3 ? x.size(0) : 1, rows = x.size(-2), d = x.size(-1) / 2;
    auto shape = x.sizes().vec();
    shape.back() = d;
    auto z = at::empty(shape, x.options()), mean = at::empty_like(z), log_variance = at::empty_like(z), deviation = at::empty_like(z), slope = at::empty_like(z);
    auto divergence = at::empty({replicas, d}, x.options());
    const bool shared_noise = eps.dim() == 2;
    const auto *xp = x.data_ptr<float>(), *ep = eps.data_ptr<float>(), *lp = data_or_null(live);
    auto *zp = z.data_ptr<float>(), *mp = mean.data_ptr<float>(), *vp = log_variance.data_ptr<float>(), *dp = deviation.data_ptr<float>(), *sp = slope.data_ptr<float>();
    auto* kp = divergence.data_ptr<float>();
    at::parallel_for(0, replicas, 1, [&](int64_t begin, int64_t end) {
      std::vector<double> sums(static_cast<size_t>(d));
      for (int64_t k = begin; k < end; k++) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (int64_t i = 0; i < rows; i++) {
          const int64_t row = k * rows + i, at = row * d;
          loops::posterior_forward({xp + 2 * at, xp + 2 * at + d, ep + (shared_noise ? i : row) * d, offset_or_null(lp, k * d), zp + at, mp + at, vp + at, dp + at, sp + at, sums.data()}, d);
        }
        for (int64_t j = 0; j < d; j++) kp[k * d + j] = static_cast<float>(sums[j]);
      }
    });
    ctx->save_for_backward({eps, live, mean, deviation, slope});
    return {z, divergence, mean, log_variance};
  }

  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    auto saved = ctx->get_saved_variables();
    const auto &eps = saved[0], &live = saved[1], &mean = saved[2], &deviation = saved[3], &slope = saved[4];
    const int64_t replicas = mean.dim() == 3 ? mean.size(0) : 1, rows = mean.size(-2), d = mean.size(-1);
    for (auto& g : incoming)
      if (g.defined()) g = g.contiguous();
    const auto *dz = data_or_null(incoming[0]), *dkl = data_or_null(incoming[1]), *dm = data_or_null(incoming[2]), *dv = data_or_null(incoming[3]);
    auto shape = mean.sizes().vec();
    shape.back() = 2 * d;
    auto dh = at::empty(shape, mean.options());
    auto* out = dh.data_ptr<float>();
    const bool shared_noise = eps.dim() == 2;
    const auto *mp = mean.data_ptr<float>(), *sp = deviation.data_ptr<float>(), *tp = slope.data_ptr<float>(), *ep = eps.data_ptr<float>(), *lp = data_or_null(live);
    at::parallel_for(0, replicas * rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * d, k = row / rows;
        loops::posterior_backward({mp + at, sp + at, tp + at, ep + (shared_noise ? row % rows : row) * d, offset_or_null(lp, k * d), offset_or_null(dz, at),
                                   offset_or_null(dkl, k * d), offset_or_null(dm, at), offset_or_null(dv, at), out + 2 * at, out + 2 * at + d}, d);
      }
    });
    return {dh, at::Tensor(), at::Tensor()};
  }
};

at::Tensor per_replica(const at::Tensor& elements) {
  return elements.dim() == 3 ? elements.sum({1, 2}) : elements.sum().view({1});
}

// A vector [K] shaped to multiply [K,n,D]; for [n,D] a single number.
at::Tensor spread(const at::Tensor& vector, int64_t rank) { return rank == 3 ? vector.view({-1, 1, 1}) : vector.view({1, 1}); }

bool fused(const at::Tensor& a, const at::Tensor& b) { return is_plain_cpu_float(a) && is_plain_cpu_float(b); }

bool wants(const at::Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

void posterior_elsewhere(const at::Tensor& h, const at::Tensor& noise, const at::Tensor& mask, variable_list& results) {
  const int64_t d = h.size(-1) / 2;
  auto mean = h.narrow(-1, 0, d), raw = h.narrow(-1, d, d);
  auto inner = at::softplus(raw - kLogVarianceMin) + kLogVarianceMin;
  auto l = kLogVarianceMax - at::softplus(kLogVarianceMax - inner);
  auto z = mean + at::exp(l * 0.5) * noise;
  auto series = l * l * (0.5 + l * (1.0 / 6 + l * (1.0 / 24 + l * (1.0 / 120))));
  auto bracket = at::where(l.abs() < 0.05, series, at::expm1(l) - l);
  auto kl = (mean * mean + bracket) * 0.5;
  if (mask.defined()) {
    auto dead = h.dim() == 3 ? mask.eq(0).unsqueeze(1) : mask.eq(0).view({1, d});
    auto zero = at::zeros({}, h.options());
    z = at::where(dead, zero, z);
    kl = at::where(dead, zero, kl);
    mean = at::where(dead, zero, mean);
    l = at::where(dead, zero, l);
  }
  results = {z, h.dim() == 3 ? kl.sum(1) : kl.sum(0, true), mean, l};
}

}  // namespace

VAE_API Handle vae_bernoulli_nll(Handle logits, Handle target, double scale) {
  return make([&] {
    const auto &a = get(logits), &x = get(target);
    if (fused(a, x)) return BernoulliFunction::apply(a, x, scale, wants(a));
    check_rows("bernoulli_logits_nll", a, x);
    return per_replica(at::clamp_min(a, 0) - a * x + at::log1p(at::exp(-at::abs(a)))) * scale;
  });
}

VAE_API Handle vae_gaussian_nll(Handle mean, Handle target, Handle log_variance, double scale) {
  return make([&] {
    const auto &m = get(mean), &x = get(target), &s = get(log_variance);
    const auto shape = check_rows("gaussian_nll", m, x);
    TORCH_CHECK(s.numel() == shape.replicas, "gaussian_nll: log variance must have one number per replica (", shape.replicas, "), got ", s.sizes());
    if (fused(m, x) && is_plain_cpu_float(s)) return GaussianFunction::apply(m, x, s, scale, wants(m) || wants(s));
    auto l = spread(s, m.dim());
    return per_replica(kLog2Pi + l + at::square(x - m) * at::exp(-l)) * (0.5 * scale);
  });
}

// results: z, divergence per dimension [K,d], mean, log variance (clamped).
VAE_API int vae_gaussian_posterior(Handle h, Handle noise, Handle mask, Handle* results) {
  return run([&] {
    const auto &x = get(h), &eps = get(noise);
    auto live = get_or_undefined(mask);
    TORCH_CHECK((x.dim() == 2 || x.dim() == 3) && x.size(-1) % 2 == 0, "gaussian_posterior: h must be [K,n,2d] or [n,2d], got ", x.sizes());
    const int64_t replicas = x.dim() == 3 ? x.size(0) : 1, rows = x.size(-2), d = x.size(-1) / 2;
    TORCH_CHECK(eps.size(-1) == d && eps.size(-2) == rows && (eps.dim() == 2 || (eps.dim() == 3 && x.dim() == 3 && eps.size(0) == replicas)),
                "gaussian_posterior: noise ", eps.sizes(), " does not fit h ", x.sizes());
    TORCH_CHECK(!live.defined() || live.numel() == replicas * d, "gaussian_posterior: mask must be [", replicas, ",", d, "], got ", live.sizes());
    variable_list list;
    if (fused(x, eps)) list = PosteriorFunction::apply(x, eps, Mask{live}); else posterior_elsewhere(x, eps, live.defined() ? live.view({replicas, d}) : live, list);
    for (int i = 0; i < 4; i++) results[i] = wrap(std::move(list[i]));
  });
}
