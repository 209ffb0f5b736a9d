// Likelihoods of grey values in 0 to 1, in the form of likelihood.cpp: the continuous Bernoulli, and a logistic distribution cut into 256 levels.
#include "likelihood.h"

#include <cmath>

#include "loops.h"

using namespace vae;
using namespace vae::likelihood;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

// What a slot's log scale s makes of its rows: everything that is the same for all values.
struct Logistic {
  float inverse_scale, half_width;  // e^-s and half a level in units of the scale
  double log_width;                 // ln(1 - e^-2h), h the half width: minus the loss that an inner level has beside its two softplus
  double log_width_slope;           // its derivative by s

  explicit Logistic(double s) {
    const double inverse = std::exp(-s), half = loops::kHalfLevel * inverse;
    inverse_scale = static_cast<float>(inverse);
    half_width = static_cast<float>(half);
    log_width = std::log(-std::expm1(-2 * half));
    log_width_slope = half == 0 ? -1 : -2 * half / std::expm1(2 * half);
  }
};

struct DiscretisedLogisticFunction : torch::autograd::Function<DiscretisedLogisticFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& mean, const at::Tensor& target, const at::Tensor& log_scale, const Slots& slots, bool wants_gradient) {
    const auto shape = check_rows("discretised_logistic_nll", mean, target, slots);
    const SlotReader reader(slots, shape.rows);
    auto m = mean.contiguous(), x = target.contiguous(), s = log_scale.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(m) : at::Tensor();
    const auto *mp = m.data_ptr<float>(), *xp = x.data_ptr<float>(), *sp = s.data_ptr<float>();
    auto* gp = wants_gradient ? gradient.data_ptr<float>() : nullptr;
    std::vector<double> slopes(static_cast<size_t>(shape.replicas * shape.rows));
    auto sums = sum_rows(shape, reader, [&](int64_t k, int64_t row, int64_t target_row) {
      const Logistic logistic(static_cast<double>(sp[k]));
      const auto part = loops::discretised_logistic_nll(mp + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width, logistic.inverse_scale,
                                                        logistic.half_width, static_cast<float>(logistic.inverse_scale * reader.scale_of(k)));
      slopes[row] = part.slope - part.inner * logistic.log_width_slope;
      return part.loss - (part.inner == 0 ? 0 : part.inner * logistic.log_width);
    });
    clear_rest(gp, shape, reader);
    std::vector<double> d_log_scale(sums.size());
    for (int64_t k = 0; k < shape.replicas; k++) {
      sums[k] *= reader.scale_of(k);
      for (int64_t r = 0; r < reader.rows_of(k); r++) d_log_scale[k] += slopes[k * shape.rows + r];
      d_log_scale[k] *= reader.scale_of(k);
    }
    if (wants_gradient) ctx->save_for_backward({gradient, to_tensor(d_log_scale).view(log_scale.sizes())});
    return to_tensor(sums);
  }
  static variable_list backward(AutogradContext* ctx, variable_list incoming) {
    auto saved = ctx->get_saved_variables();
    return {scale_replicas(saved[0], incoming[0]), at::Tensor(), saved[1] * incoming[0].view(saved[1].sizes()), at::Tensor(), at::Tensor()};
  }
};

// ln((e^a - 1) / a), the log normaliser by the natural parameter a: its series where the quotient cancels, else max(a, 0) + ln(1 - e^-|a|) - ln |a|.
at::Tensor log_normaliser(const at::Tensor& a) {
  auto near = at::abs(a).lt(0.5), q = at::square(a);
  auto series = a * 0.5 + q * (1.0 / 24 + q * (-1.0 / 2880 + q * (1.0 / 181440 + q * (-1.0 / 9676800 + q * (1.0 / 479001600)))));
  // What is not taken must still be finite, or its gradient would be 0 times infinity.
  auto far = at::where(near, at::ones({}, a.options()), a), magnitude = at::abs(far);
  return at::where(near, series, at::clamp_min(far, 0) + at::log1p(-at::exp(-magnitude)) - at::log(magnitude));
}

at::Tensor continuous_bernoulli(const at::Tensor& a, const at::Tensor& x, const Slots& slots) {
  if (fused(a, x)) return LoopFunction<loops::continuous_bernoulli_nll>::apply("continuous_bernoulli_nll", a, x, slots, wants(a));
  check_rows("continuous_bernoulli_nll", a, x, slots);
  auto live = slots.rows.defined() ? live_rows(slots, a) : at::Tensor();
  auto logits = only_live(a, live);
  return per_replica(only_live(log_normaliser(logits) - logits * x, live), slots);
}

at::Tensor discretised_logistic(const at::Tensor& m, const at::Tensor& x, const at::Tensor& s, const Slots& slots) {
  const auto shape = check_rows("discretised_logistic_nll", m, x, slots);
  TORCH_CHECK(s.numel() == shape.replicas, "discretised_logistic_nll: log scale must have one number per replica (", shape.replicas, "), got ", s.sizes());
  if (fused(m, x) && is_plain_cpu_float(s)) return DiscretisedLogisticFunction::apply(m, x, s, slots, wants(m) || wants(s));
  auto live = slots.rows.defined() ? live_rows(slots, m) : at::Tensor();
  auto inverse = at::exp(-spread(s, m.dim())), half = loops::kHalfLevel * inverse;
  auto distance = (x - only_live(m, live)) * inverse;
  auto above_first = x.gt(loops::kHalfLevel), below_last = x.lt(1 - loops::kHalfLevel);
  auto zero = at::zeros({}, m.options());
  auto loss = at::where(below_last, -at::log_sigmoid(distance + half), zero) + at::where(above_first, -at::log_sigmoid(half - distance), zero) -
              at::where(at::logical_and(above_first, below_last), at::log(-at::expm1(-2 * half)), zero);
  return per_replica(only_live(loss, live), slots);
}

}  // namespace

VAE_API Handle vae_continuous_bernoulli_nll(Handle logits, Handle target, double scale) {
  return make([&] { return continuous_bernoulli(get(logits), get(target), Slots{{}, {}, scale}); });
}

VAE_API Handle vae_discretised_logistic_nll(Handle mean, Handle target, Handle log_scale, double scale) {
  return make([&] { return discretised_logistic(get(mean), get(target), get(log_scale), Slots{{}, {}, scale}); });
}

// For packs: rows int32 [K], scale float [K].
VAE_API Handle vae_continuous_bernoulli_nll_slots(Handle logits, Handle target, Handle rows, Handle scale) {
  return make([&] { return continuous_bernoulli(get(logits), get(target), Slots{get(rows), get(scale)}); });
}

VAE_API Handle vae_discretised_logistic_nll_slots(Handle mean, Handle target, Handle log_scale, Handle rows, Handle scale) {
  return make([&] { return discretised_logistic(get(mean), get(target), get(log_scale), Slots{get(rows), get(scale)}); });
}
