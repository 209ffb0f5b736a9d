// Likelihoods of the VAE family as autograd functions. On CPU float32 one pass makes the value and its gradient; any other device or
// type goes through ATen's operations, which autograd differentiates. Both paths are tested against each other.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "device/kernels.h"
#include "loops.h"
#include "slots.h"

using namespace vae;
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

RowShape check_rows(const char* name, const at::Tensor& values, const at::Tensor& target, const Slots& slots) {
  TORCH_CHECK(values.dim() == 2 || values.dim() == 3, name, ": the first argument must be [K,n,D] or [n,D], got ", values.sizes());
  const int64_t replicas = values.dim() == 3 ? values.size(0) : 1, rows = values.size(-2), width = values.size(-1);
  const bool fits = (target.dim() == 2 || target.dim() == 3) && target.size(-2) == rows && target.size(-1) == width;
  TORCH_CHECK(fits && (target.sizes() == values.sizes() || is_shared(target, values)), name, ": target ", target.sizes(), " does not fit ", values.sizes());
  check_slots(name, slots, values);
  return {replicas, rows, width, is_shared(target, values)};
}

// Runs body(replica, flat row, row of the target) over the rows that count and returns the sum of its results per replica, added in row
// order, so that it does not depend on threads.
template <class Body>
std::vector<double> sum_rows(const RowShape& shape, const SlotReader& slots, Body body) {
  std::vector<double> sums(static_cast<size_t>(shape.replicas * shape.rows)), totals(static_cast<size_t>(shape.replicas));
  at::parallel_for(0, shape.replicas * shape.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const int64_t k = r / shape.rows, row = r - k * shape.rows;
      if (row < slots.rows_of(k)) sums[r] = body(k, r, shape.shared_target ? row : r);
    }
  });
  for (int64_t k = 0; k < shape.replicas; k++)
    for (int64_t r = 0; r < slots.rows_of(k); r++) totals[k] += sums[k * shape.rows + r];
  return totals;
}

// Rows that do not count have exactly no gradient.
void clear_rest(float* gradient, const RowShape& shape, const SlotReader& slots) {
  if (gradient == nullptr || slots.rows == nullptr) return;
  for (int64_t k = 0; k < shape.replicas; k++) {
    const int64_t used = slots.rows_of(k);
    std::memset(gradient + (k * shape.rows + used) * shape.width, 0, sizeof(float) * static_cast<size_t>((shape.rows - used) * shape.width));
  }
}

at::Tensor to_tensor(const std::vector<double>& values) {
  auto result = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(at::kFloat));
  for (size_t k = 0; k < values.size(); k++) result.data_ptr<float>()[k] = static_cast<float>(values[k]);
  return result;
}

struct BernoulliFunction : torch::autograd::Function<BernoulliFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& target, const Slots& slots, bool wants_gradient) {
    const auto shape = check_rows("bernoulli_logits_nll", logits, target, slots);
    const SlotReader reader(slots, shape.rows);
    auto a = logits.contiguous(), x = target.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(a) : at::Tensor();
    const auto *ap = a.data_ptr<float>(), *xp = x.data_ptr<float>();
    auto* gp = wants_gradient ? gradient.data_ptr<float>() : nullptr;
    auto sums = sum_rows(shape, reader, [&](int64_t k, int64_t row, int64_t target_row) {
      return loops::bernoulli_nll(ap + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width, static_cast<float>(reader.scale_of(k)));
    });
    clear_rest(gp, shape, reader);
    for (int64_t k = 0; k < shape.replicas; k++) sums[k] *= reader.scale_of(k);
    if (wants_gradient) ctx->save_for_backward({gradient});
    return to_tensor(sums);
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    return {scale_replicas(ctx->get_saved_variables()[0], incoming[0]), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// The same on a CUDA device, where a kernel of ours does it in one pass.
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

// Sums over rows and values per replica, times the scale.
at::Tensor per_replica(const at::Tensor& elements, const Slots& slots) {
  auto sums = elements.dim() == 3 ? elements.sum({1, 2}) : elements.sum().view({1});
  return slots.scale.defined() ? sums * slots.scale.to(sums.options()) : sums * slots.uniform;
}

// Zeros rows that do not count before they enter a formula, so that neither value nor gradient can become 0 times infinity.
at::Tensor only_live(const at::Tensor& t, const at::Tensor& live) { return live.defined() ? at::where(live, t, at::zeros({}, t.options())) : t; }

// A vector [K] shaped to multiply [K,n,D]; for [n,D] a single number.
at::Tensor spread(const at::Tensor& vector, int64_t rank) { return rank == 3 ? vector.view({-1, 1, 1}) : vector.view({1, 1}); }

bool fused(const at::Tensor& a, const at::Tensor& b) { return is_plain_cpu_float(a) && is_plain_cpu_float(b); }

bool wants(const at::Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

at::Tensor bernoulli(const at::Tensor& a, const at::Tensor& x, const Slots& slots) {
  if (fused(a, x)) return BernoulliFunction::apply(a, x, slots, wants(a));
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
