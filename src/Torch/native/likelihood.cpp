// Likelihoods of the VAE family as autograd functions. On CPU float32 one pass makes the value and its gradient; any other device or
// type goes through ATen's operations, which autograd differentiates. Both paths are tested against each other.
#include "likelihood.h"

#include <cmath>

#include "device/kernels.h"
#include "loops.h"

using namespace vae;
using namespace vae::likelihood;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void vae::check_slots(const char* name, const Slots& slots, const at::Tensor& values) {
  const int64_t replicas = values.dim() == 3 ? values.size(0) : 1, rows = values.size(-2);
  if (slots.scale.defined()) {
    TORCH_CHECK(slots.scale.dim() == 1 && slots.scale.size(0) == replicas && slots.scale.is_contiguous(), name, ": scale must be [", replicas, "], got ", slots.scale.sizes());
    TORCH_CHECK(!slots.scale.is_cpu() || slots.scale.scalar_type() == at::kFloat, name, ": scale must be Float32");
  }
  if (!slots.rows.defined()) return;
  TORCH_CHECK(slots.rows.dim() == 1 && slots.rows.size(0) == replicas && slots.rows.scalar_type() == at::kInt && slots.rows.is_contiguous(), name,
              ": rows must be Int32 [", replicas, "], got ", slots.rows.scalar_type(), " ", slots.rows.sizes());
  TORCH_CHECK(slots.rows.device() == values.device(), name, ": rows must lie on ", values.device(), ", not on ", slots.rows.device());
  if (!slots.rows.is_cpu()) return;
  for (int64_t k = 0; k < replicas; k++) {
    const auto count = slots.rows.data_ptr<int32_t>()[k];
    TORCH_CHECK(count >= 0 && count <= rows, name, ": slot ", k, " has ", count, " rows, outside 0 .. ", rows);
  }
}

at::Tensor vae::live_rows(const Slots& slots, const at::Tensor& values) {
  auto index = at::arange(values.size(-2), at::TensorOptions().dtype(at::kInt).device(values.device()));
  auto live = index.unsqueeze(0).lt(slots.rows.unsqueeze(1)).unsqueeze(2);
  return values.dim() == 3 ? live : live.squeeze(0);
}

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

// The Bernoulli loop on a CUDA device, where a kernel of ours does it in one pass.
struct DeviceBernoulliFunction : torch::autograd::Function<DeviceBernoulliFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& target, const Slots& slots, bool wants_gradient) {
    auto a = logits.contiguous();
    auto scale = slots.scale.defined() ? slots.scale.to(a.options()) : at::full({a.dim() == 3 ? a.size(0) : 1}, slots.uniform, a.options());
    auto gradient = wants_gradient ? at::empty_like(a) : at::Tensor();
    auto sums = device::bernoulli(a, target.contiguous(), slots.rows, scale, gradient);
    if (wants_gradient) ctx->save_for_backward({gradient});
    return sums;
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    auto gradient = ctx->get_saved_variables()[0];
    auto factor = incoming[0].view(gradient.dim() == 3 ? std::vector<int64_t>{-1, 1, 1} : std::vector<int64_t>{1, 1});
    return {gradient * factor, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct GaussianFunction : torch::autograd::Function<GaussianFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& mean, const at::Tensor& target, const at::Tensor& log_variance, const Slots& slots, bool wants_gradient) {
    const auto shape = check_rows("gaussian_nll", mean, target, slots);
    const SlotReader reader(slots, shape.rows);
    auto m = mean.contiguous(), x = target.contiguous(), s = log_variance.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(m) : at::Tensor();
    const auto *mp = m.data_ptr<float>(), *xp = x.data_ptr<float>(), *sp = s.data_ptr<float>();
    auto* gp = wants_gradient ? gradient.data_ptr<float>() : nullptr;
    auto sums = sum_rows(shape, reader, [&](int64_t k, int64_t row, int64_t target_row) {
      const double precision = std::exp(-static_cast<double>(sp[k]));
      return precision * loops::squared_error(mp + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width,
                                              static_cast<float>(precision * reader.scale_of(k)));
    });
    clear_rest(gp, shape, reader);
    std::vector<double> d_log_variance(sums.size());
    for (int64_t k = 0; k < shape.replicas; k++) {
      const double count = static_cast<double>(reader.rows_of(k)) * static_cast<double>(shape.width), weighted = sums[k], half = 0.5 * reader.scale_of(k);
      // An empty slot has no loss even where its log variance is not finite.
      sums[k] = count == 0 ? 0 : half * (count * (kLog2Pi + static_cast<double>(sp[k])) + weighted);
      d_log_variance[k] = half * (count - weighted);
    }
    if (wants_gradient) ctx->save_for_backward({gradient, to_tensor(d_log_variance).view(log_variance.sizes())});
    return to_tensor(sums);
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    auto saved = ctx->get_saved_variables();
    return {scale_replicas(saved[0], incoming[0]), at::Tensor(), saved[1] * incoming[0].view(saved[1].sizes()), at::Tensor(), at::Tensor()};
  }
};

at::Tensor bernoulli(const at::Tensor& a, const at::Tensor& x, const Slots& slots) {
  if (fused(a, x)) return LoopFunction<loops::bernoulli_nll>::apply("bernoulli_logits_nll", a, x, slots, wants(a));
  check_rows("bernoulli_logits_nll", a, x, slots);
  if (device::has_kernels(a) && a.scalar_type() == at::kFloat && x.scalar_type() == at::kFloat && x.device() == a.device()) return DeviceBernoulliFunction::apply(a, x, slots, wants(a));
  auto live = slots.rows.defined() ? live_rows(slots, a) : at::Tensor();
  auto logits = only_live(a, live);
  return per_replica(only_live(at::clamp_min(logits, 0) - logits * x + at::log1p(at::exp(-at::abs(logits))), live), slots);
}

at::Tensor gaussian(const at::Tensor& m, const at::Tensor& x, const at::Tensor& s, const Slots& slots) {
  const auto shape = check_rows("gaussian_nll", m, x, slots);
  TORCH_CHECK(s.numel() == shape.replicas, "gaussian_nll: log variance must have one number per replica (", shape.replicas, "), got ", s.sizes());
  if (fused(m, x) && is_plain_cpu_float(s)) return GaussianFunction::apply(m, x, s, slots, wants(m) || wants(s));
  auto live = slots.rows.defined() ? live_rows(slots, m) : at::Tensor();
  auto l = spread(s, m.dim());
  return per_replica(only_live(kLog2Pi + l + at::square(x - only_live(m, live)) * at::exp(-l), live), slots) * 0.5;
}

}  // namespace

VAE_API Handle vae_bernoulli_nll(Handle logits, Handle target, double scale) {
  return make([&] { return bernoulli(get(logits), get(target), Slots{{}, {}, scale}); });
}

VAE_API Handle vae_gaussian_nll(Handle mean, Handle target, Handle log_variance, double scale) {
  return make([&] { return gaussian(get(mean), get(target), get(log_variance), Slots{{}, {}, scale}); });
}

// For packs: rows int32 [K], scale float [K].
VAE_API Handle vae_bernoulli_nll_slots(Handle logits, Handle target, Handle rows, Handle scale) {
  return make([&] { return bernoulli(get(logits), get(target), Slots{get(rows), get(scale)}); });
}

VAE_API Handle vae_gaussian_nll_slots(Handle mean, Handle target, Handle log_variance, Handle rows, Handle scale) {
  return make([&] { return gaussian(get(mean), get(target), get(log_variance), Slots{get(rows), get(scale)}); });
}
