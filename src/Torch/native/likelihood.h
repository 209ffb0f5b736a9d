// What the likelihoods share: rows of slots, sums in row order, and the way of a gradient that was made in the forward pass.
#pragma once

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>
#include <vector>

#include "slots.h"

namespace vae::likelihood {

// Backward hands in one number per replica. When all are one, the gradient made by the forward pass is already the answer.
inline at::Tensor scale_replicas(const at::Tensor& gradient, const at::Tensor& incoming) {
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

inline RowShape check_rows(const char* name, const at::Tensor& values, const at::Tensor& target, const Slots& slots) {
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
inline void clear_rest(float* gradient, const RowShape& shape, const SlotReader& slots) {
  if (gradient == nullptr || slots.rows == nullptr) return;
  for (int64_t k = 0; k < shape.replicas; k++) {
    const int64_t used = slots.rows_of(k);
    std::memset(gradient + (k * shape.rows + used) * shape.width, 0, sizeof(float) * static_cast<size_t>((shape.rows - used) * shape.width));
  }
}

inline at::Tensor to_tensor(const std::vector<double>& values) {
  auto result = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions().dtype(at::kFloat));
  for (size_t k = 0; k < values.size(); k++) result.data_ptr<float>()[k] = static_cast<float>(values[k]);
  return result;
}

// Sums over rows and values per replica, times the scale.
inline at::Tensor per_replica(const at::Tensor& elements, const Slots& slots) {
  auto sums = elements.dim() == 3 ? elements.sum({1, 2}) : elements.sum().view({1});
  return slots.scale.defined() ? sums * slots.scale.to(sums.options()) : sums * slots.uniform;
}

// Zeros rows that do not count before they enter a formula, so that neither value nor gradient can become 0 times infinity.
inline at::Tensor only_live(const at::Tensor& t, const at::Tensor& live) { return live.defined() ? at::where(live, t, at::zeros({}, t.options())) : t; }

// A vector [K] shaped to multiply [K,n,D]; for [n,D] a single number.
inline at::Tensor spread(const at::Tensor& vector, int64_t rank) { return rank == 3 ? vector.view({-1, 1, 1}) : vector.view({1, 1}); }

inline bool fused(const at::Tensor& a, const at::Tensor& b) { return is_plain_cpu_float(a) && is_plain_cpu_float(b); }

inline bool wants(const at::Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

// A likelihood of one number a value, all in one loop: `loop` returns the sum of a row in nats and writes its gradient times the slot's scale, if there is room for one.
template <double (*loop)(const float* values, const float* target, float* gradient, int64_t count, float scale)>
struct LoopFunction : torch::autograd::Function<LoopFunction<loop>> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const char* name, const at::Tensor& values, const at::Tensor& target, const Slots& slots, bool wants_gradient) {
    const auto shape = check_rows(name, values, target, slots);
    const SlotReader reader(slots, shape.rows);
    auto a = values.contiguous(), x = target.contiguous();
    at::Tensor gradient = wants_gradient ? at::empty_like(a) : at::Tensor();
    const auto *ap = a.template data_ptr<float>(), *xp = x.template data_ptr<float>();
    auto* gp = wants_gradient ? gradient.template data_ptr<float>() : nullptr;
    auto sums = sum_rows(shape, reader, [&](int64_t k, int64_t row, int64_t target_row) {
      return loop(ap + row * shape.width, xp + target_row * shape.width, gp ? gp + row * shape.width : nullptr, shape.width, static_cast<float>(reader.scale_of(k)));
    });
    clear_rest(gp, shape, reader);
    for (int64_t k = 0; k < shape.replicas; k++) sums[k] *= reader.scale_of(k);
    if (wants_gradient) ctx->save_for_backward({gradient});
    return to_tensor(sums);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list incoming) {
    return {at::Tensor(), scale_replicas(ctx->get_saved_variables()[0], incoming[0]), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace vae::likelihood
