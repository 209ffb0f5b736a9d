// The Gaussian posterior of the VAE family as an autograd function. On CPU float32 one pass makes sample, KL and what backward needs; any
// other device or type goes through ATen's operations, which autograd differentiates. Both paths are tested against each other.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "loops.h"
#include "slots.h"

using namespace vae;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

constexpr double kLogVarianceMin = -12.0, kLogVarianceMax = 8.0;

// Raw pointers of a tensor that may be absent.
const float* data_or_null(const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }
const float* offset_or_null(const float* data, int64_t offset) { return data ? data + offset : nullptr; }

// Arguments that autograd must not look at; libtorch 1.13 refuses an undefined tensor as a plain one.
struct Limits {
  at::Tensor mask;  // [K,d] or undefined
  Slots slots;
};

// A copy, because the caller may write the next step's numbers before backward runs.
std::vector<int64_t> used_rows(const SlotReader& reader, int64_t replicas) {
  std::vector<int64_t> used(static_cast<size_t>(replicas));
  for (int64_t k = 0; k < replicas; k++) used[k] = reader.rows_of(k);
  return used;
}

// A masked dimension belongs to the padding of a pack: exactly nothing, even where the padded weights are not finite.
void clear_masked(std::initializer_list<float*> results, const float* mask, int64_t rows, int64_t d) {
  for (int64_t j = 0; j < d; j++) {
    if (mask[j] != 0.0f) continue;
    for (float* result : results)
      for (int64_t i = 0; i < rows; i++) result[i * d + j] = 0.0f;
  }
}

struct PosteriorFunction : torch::autograd::Function<PosteriorFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& h, const at::Tensor& noise, const Limits& limits) {
    ctx->set_materialize_grads(false);
    const auto& mask = limits.mask;
    auto x = h.contiguous(), eps = noise.contiguous(), live = mask.defined() ? mask.to(at::kFloat).contiguous() : mask;
    const int64_t replicas = x.dim() == 3 ? x.size(0) : 1, rows = x.size(-2), d = x.size(-1) / 2;
    auto shape = x.sizes().vec();
    shape.back() = d;
    auto z = at::empty(shape, x.options()), mean = at::empty_like(z), log_variance = at::empty_like(z), deviation = at::empty_like(z), slope = at::empty_like(z);
    auto divergence = at::empty({replicas, d}, x.options());
    const bool shared_noise = is_shared(eps, x);
    const SlotReader reader(limits.slots, rows);
    const auto *xp = x.data_ptr<float>(), *ep = eps.data_ptr<float>(), *lp = data_or_null(live);
    auto *zp = z.data_ptr<float>(), *mp = mean.data_ptr<float>(), *vp = log_variance.data_ptr<float>(), *dp = deviation.data_ptr<float>(), *sp = slope.data_ptr<float>();
    auto* kp = divergence.data_ptr<float>();
    at::parallel_for(0, replicas, 1, [&](int64_t begin, int64_t end) {
      std::vector<double> sums(static_cast<size_t>(d));
      // Rows are as short as two numbers, so all rows of a slot are laid end to end and passed as one: raw log variances and divergences.
      std::vector<float> scratch(static_cast<size_t>(2 * rows * d));
      float *raw = scratch.data(), *kl = raw + rows * d;
      for (int64_t k = begin; k < end; k++) {
        const int64_t used = reader.rows_of(k), first = k * rows * d;
        for (int64_t i = 0; i < used; i++) {
          std::copy_n(xp + 2 * (first + i * d), d, mp + first + i * d);
          std::copy_n(xp + 2 * (first + i * d) + d, d, raw + i * d);
        }
        loops::posterior_forward({mp + first, raw, ep + (shared_noise ? 0 : first), zp + first, vp + first, dp + first, sp + first, kl}, used * d);
        if (lp) clear_masked({zp + first, mp + first, vp + first, kl}, lp + k * d, used, d);
        std::fill(sums.begin(), sums.end(), 0.0);
        for (int64_t i = 0; i < used; i++)
          for (int64_t j = 0; j < d; j++) sums[j] += static_cast<double>(kl[i * d + j]);
        const int64_t rest = (k * rows + used) * d;
        for (auto* out : {zp, mp, vp}) std::fill(out + rest, out + (k + 1) * rows * d, 0.0f);
        for (int64_t j = 0; j < d; j++) kp[k * d + j] = static_cast<float>(sums[j]);
      }
    });
    ctx->save_for_backward({eps, live, mean, deviation, slope});
    ctx->saved_data["rows"] = used_rows(reader, replicas);
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
    const bool shared_noise = is_shared(eps, mean);
    const auto used = ctx->saved_data["rows"].toIntVector();
    const auto *mp = mean.data_ptr<float>(), *sp = deviation.data_ptr<float>(), *tp = slope.data_ptr<float>(), *ep = eps.data_ptr<float>(), *lp = data_or_null(live);
    at::parallel_for(0, replicas * rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * d, k = row / rows;
        if (row - k * rows >= used[k]) {
          std::fill(out + 2 * at, out + 2 * (at + d), 0.0f);
          continue;
        }
        loops::posterior_backward({mp + at, sp + at, tp + at, ep + (shared_noise ? row % rows : row) * d, offset_or_null(lp, k * d), offset_or_null(dz, at),
                                   offset_or_null(dkl, k * d), offset_or_null(dm, at), offset_or_null(dv, at), out + 2 * at, out + 2 * at + d}, d);
      }
    });
    return {dh, at::Tensor(), at::Tensor()};
  }
};

bool fused(const at::Tensor& a, const at::Tensor& b) { return is_plain_cpu_float(a) && is_plain_cpu_float(b); }

variable_list posterior_elsewhere(const at::Tensor& h, const at::Tensor& noise, const at::Tensor& mask, const Slots& slots) {
  const int64_t d = h.size(-1) / 2;
  at::Tensor live;
  if (mask.defined()) live = h.dim() == 3 ? mask.ne(0).unsqueeze(1) : mask.ne(0).view({1, d});
  if (slots.rows.defined()) live = live.defined() ? live.logical_and(live_rows(slots, h)) : live_rows(slots, h);
  // What does not count is zeroed on the way in as well, so that its gradient cannot become 0 times infinity.
  auto zero = at::zeros({}, h.options());
  auto only_live = [&](const at::Tensor& t) { return live.defined() ? at::where(live, t, zero) : t; };
  auto mean = only_live(h.narrow(-1, 0, d)), raw = only_live(h.narrow(-1, d, d));
  auto inner = at::softplus(raw - kLogVarianceMin) + kLogVarianceMin;
  auto l = kLogVarianceMax - at::softplus(kLogVarianceMax - inner);
  auto z = only_live(mean + at::exp(l * 0.5) * noise);
  auto series = l * l * (0.5 + l * (1.0 / 6 + l * (1.0 / 24 + l * (1.0 / 120))));
  auto bracket = at::where(l.abs() < 0.05, series, at::expm1(l) - l);
  auto kl = only_live((mean * mean + bracket) * 0.5);
  return {z, h.dim() == 3 ? kl.sum(1) : kl.sum(0, true), mean, only_live(l)};
}

}  // namespace

// results: z, divergence per dimension [K,d], mean, log variance (clamped). mask and rows (int32 [K]) may be null.
VAE_API int vae_gaussian_posterior(Handle h, Handle noise, Handle mask, Handle rows, Handle* results) {
  return run([&] {
    const auto &x = get(h), &eps = get(noise);
    Limits limits{get_or_undefined(mask), Slots{get_or_undefined(rows)}};
    TORCH_CHECK((x.dim() == 2 || x.dim() == 3) && x.size(-1) % 2 == 0, "gaussian_posterior: h must be [K,n,2d] or [n,2d], got ", x.sizes());
    const int64_t replicas = x.dim() == 3 ? x.size(0) : 1, n = x.size(-2), d = x.size(-1) / 2;
    const bool fits = (eps.dim() == 2 || (eps.dim() == 3 && x.dim() == 3)) && eps.size(-1) == d && eps.size(-2) == n;
    TORCH_CHECK(fits && (is_shared(eps, x) || eps.size(0) == replicas), "gaussian_posterior: noise ", eps.sizes(), " does not fit h ", x.sizes());
    TORCH_CHECK(!limits.mask.defined() || limits.mask.numel() == replicas * d, "gaussian_posterior: mask must be [", replicas, ",", d, "], got ", limits.mask.sizes());
    check_slots("gaussian_posterior", limits.slots, x);
    if (limits.mask.defined()) limits.mask = limits.mask.view({replicas, d});
    auto list = fused(x, eps) ? PosteriorFunction::apply(x, eps, limits) : posterior_elsewhere(x, eps, limits.mask, limits.slots);
    for (int i = 0; i < 4; i++) results[i] = wrap(std::move(list[i]));
  });
}
