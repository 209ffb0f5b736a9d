// Optimizers for CUDA and for float64: ATen's operations over [K, length], with one column of factors per formula term.
#include "optim.h"

#include "device/kernels.h"

#include <cmath>
#include <limits>

namespace vae {

namespace {

enum Column { kActive, kClip, kDecay, kShrink, kKeep1, kTake1, kKeep2, kTake2, kInverse, kEpsilon, kRate };

struct Table {
  at::Tensor values;
  at::Tensor operator[](Column column) const { return values.select(0, column).unsqueeze(1); }
};

// With one replica all parameters are one run without gaps: one pass instead of one per parameter.
template <class Body>
void for_views(const Segments& s, Body body) {
  if (s.count == 0) return;
  if (s.replicas == 1) {
    const int64_t begin = s.offsets[0], end = s.offsets[s.count - 1] + s.lengths[s.count - 1];
    body([=](const at::Tensor& flat) { return flat.narrow(0, begin, end - begin).unsqueeze(0); });
    return;
  }
  for (int i = 0; i < s.count; i++) {
    const int64_t offset = s.offsets[i], length = s.lengths[i], replicas = s.replicas;
    body([=](const at::Tensor& flat) { return flat.narrow(0, offset, length * replicas).view({replicas, length}); });
  }
}

// [K,1]: 1, or what brings a replica's gradient down to its largest norm.
at::Tensor clip_factors(const at::Tensor& gradients, const Segments& segments, const Table& table) {
  at::Tensor squares;
  for_views(segments, [&](auto view) {
    auto part = view(gradients).square().sum(1, /*keepdim=*/true);
    squares = squares.defined() ? squares + part : part;
  });
  auto norm = squares.sqrt();
  return at::where(norm > table[kClip], table[kClip] / norm, at::ones_like(norm));
}

}  // namespace

at::Tensor settings_table(const ReplicaSettings* settings, int replicas, bool adam) {
  auto table = at::empty({kColumns, replicas}, at::TensorOptions().dtype(at::kDouble));
  auto* out = table.data_ptr<double>();
  for (int k = 0; k < replicas; k++) {
    const auto& r = settings[k];
    const bool first = r.step == 1;
    const double correction1 = 1.0 - std::pow(r.beta1, static_cast<double>(r.step)), correction2 = 1.0 - std::pow(r.beta2, static_cast<double>(r.step));
    auto set = [&](Column column, double value) { out[column * replicas + k] = value; };
    set(kActive, r.active);
    set(kClip, r.clip > 0 ? r.clip : std::numeric_limits<double>::infinity());
    set(kDecay, r.decoupled ? 0.0 : r.weight_decay);
    set(kShrink, r.decoupled ? 1.0 - r.learning_rate * r.weight_decay : 1.0);
    set(kEpsilon, r.epsilon);
    set(kInverse, 1.0 / std::sqrt(correction2));
    set(kRate, adam ? r.learning_rate / correction1 : r.learning_rate);
    if (adam) {
      set(kKeep1, r.beta1);
      set(kTake1, 1.0 - r.beta1);
      set(kKeep2, r.beta2);
      set(kTake2, 1.0 - r.beta2);
    } else {
      // Gradient descent: average = keep1 average + take1 g, update = keep2 g + take2 average. Without momentum the average stays as it is.
      const bool plain = r.momentum == 0;
      set(kKeep1, plain ? 1.0 : (first ? 0.0 : r.momentum));
      set(kTake1, plain ? 0.0 : (first ? 1.0 : 1.0 - r.dampening));
      set(kKeep2, plain || r.nesterov ? 1.0 : 0.0);
      set(kTake2, plain ? 0.0 : (r.nesterov ? r.momentum : 1.0));
    }
  }
  return table;
}

void adam_on_device(const at::Tensor& parameters, const at::Tensor& gradients, const at::Tensor& averages, const at::Tensor& squares, const Segments& segments, const at::Tensor& values, bool any_clip) {
  const Table table{values};
  const auto active = table[kActive].ne(0), clip = any_clip ? clip_factors(gradients, segments, table) : at::ones({segments.replicas, 1}, values.options());
  for_views(segments, [&](auto view) {
    if (device::adam(view(parameters), view(gradients), view(averages), view(squares), values, any_clip ? clip : at::Tensor())) return;
    auto p = view(parameters), m = view(averages), v = view(squares);
    auto shrunk = p * table[kShrink], g = view(gradients) * clip + shrunk * table[kDecay];
    auto m1 = m * table[kKeep1] + g * table[kTake1], v1 = v * table[kKeep2] + g * g * table[kTake2];
    auto p1 = shrunk - table[kRate] * m1 / (v1.sqrt() * table[kInverse] + table[kEpsilon]);
    // Chosen rather than multiplied by 0: a resting replica may hold numbers that are not finite.
    m.copy_(at::where(active, m1, m));
    v.copy_(at::where(active, v1, v));
    p.copy_(at::where(active, p1, p));
  });
}

void sgd_on_device(const at::Tensor& parameters, const at::Tensor& gradients, const at::Tensor& buffers, const Segments& segments, const at::Tensor& values) {
  const Table table{values};
  const auto active = table[kActive].ne(0), clip = clip_factors(gradients, segments, table);
  for_views(segments, [&](auto view) {
    auto p = view(parameters), b = view(buffers);
    auto g = view(gradients) * clip + p * table[kDecay];
    auto b1 = b * table[kKeep1] + g * table[kTake1];
    auto p1 = p - table[kRate] * (g * table[kKeep2] + b1 * table[kTake2]);
    b.copy_(at::where(active, b1, b));
    p.copy_(at::where(active, p1, p));
  });
}

}  // namespace vae
