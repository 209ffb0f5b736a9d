// Optimizers over flat buffers: one pass over memory instead of one operation per formula term and parameter.
//
// The buffers hold parameter after parameter, each as [K, size]; the table of segments names them. Every replica has its own settings,
// so K trials with K learning rates share one pass; a replica whose settings say inactive keeps its weights and its state.
#include "abi.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "loops.h"

using namespace vae;

// One per replica, filled by the managed side; doubles, because 1 - beta2^t needs them.
struct ReplicaSettings {
  double learning_rate, beta1, beta2, epsilon, weight_decay, momentum, dampening;
  int64_t step;  // 1 for the first update
  int32_t active, decoupled, nesterov, reserved;
};

namespace {

constexpr int64_t kChunk = 16384;  // Four streams of 64 KB: what one core's second-level cache holds.

// Calls body(offset, count, replica) for runs of memory with one replica's settings.
template <class Body>
void for_runs(const int64_t* offsets, const int64_t* lengths, int segments, int replicas, const ReplicaSettings* settings, Body body) {
  if (replicas == 1) {
    // With one replica the segments are one run without gaps; a caller's table is in order, so its ends give it.
    if (!settings[0].active || segments == 0) return;
    const int64_t begin = offsets[0], end = offsets[segments - 1] + lengths[segments - 1];
    at::parallel_for(begin, end, kChunk, [&](int64_t from, int64_t to) { body(from, to - from, 0); });
    return;
  }
  for (int s = 0; s < segments; s++) {
    const int64_t length = lengths[s];
    at::parallel_for(0, length * replicas, kChunk, [&](int64_t from, int64_t to) {
      while (from < to) {
        const int64_t replica = from / length, stop = std::min(to, (replica + 1) * length);
        if (settings[replica].active) body(offsets[s] + from, stop - from, static_cast<int>(replica));
        from = stop;
      }
    });
  }
}

loops::AdamSettings adam_settings(const ReplicaSettings& r) {
  const double correction1 = 1.0 - std::pow(r.beta1, static_cast<double>(r.step)), correction2 = 1.0 - std::pow(r.beta2, static_cast<double>(r.step));
  return {static_cast<float>(r.beta1), static_cast<float>(r.beta2), static_cast<float>(1.0 - r.beta1), static_cast<float>(1.0 - r.beta2),
          static_cast<float>(r.epsilon), static_cast<float>(r.learning_rate / correction1), static_cast<float>(std::sqrt(correction2)),
          r.decoupled ? 0.0f : static_cast<float>(r.weight_decay), r.decoupled ? static_cast<float>(1.0 - r.learning_rate * r.weight_decay) : 1.0f};
}

loops::SgdSettings sgd_settings(const ReplicaSettings& r) {
  return {static_cast<float>(r.learning_rate), static_cast<float>(r.momentum), static_cast<float>(1.0 - r.dampening), static_cast<float>(r.weight_decay),
          r.nesterov != 0, r.step == 1};
}

bool all_plain(std::initializer_list<const at::Tensor*> tensors) {
  for (const auto* t : tensors)
    if (!is_plain_cpu_float(*t) || !t->is_contiguous()) return false;
  return true;
}

// The same formulas through ATen, one replica's run at a time, for CUDA and for float64.
void adam_elsewhere(at::Tensor p, at::Tensor g, at::Tensor m, at::Tensor v, const ReplicaSettings& r) {
  const double correction1 = 1.0 - std::pow(r.beta1, static_cast<double>(r.step)), correction2 = 1.0 - std::pow(r.beta2, static_cast<double>(r.step));
  if (r.decoupled) p.mul_(1.0 - r.learning_rate * r.weight_decay);
  if (!r.decoupled && r.weight_decay != 0) g = g.add(p, r.weight_decay);
  m.mul_(r.beta1).add_(g, 1.0 - r.beta1);
  v.mul_(r.beta2).addcmul_(g, g, 1.0 - r.beta2);
  p.addcdiv_(m, v.sqrt().div_(std::sqrt(correction2)).add_(r.epsilon), -r.learning_rate / correction1);
}

void sgd_elsewhere(at::Tensor p, at::Tensor g, at::Tensor b, const ReplicaSettings& r) {
  if (r.weight_decay != 0) g = g.add(p, r.weight_decay);
  if (r.momentum != 0) {
    if (r.step == 1) b.copy_(g); else b.mul_(r.momentum).add_(g, 1.0 - r.dampening);
    g = r.nesterov ? g.add(b, r.momentum) : b;
  }
  p.add_(g, -r.learning_rate);
}

template <class Body>
void for_slices(const int64_t* offsets, const int64_t* lengths, int segments, int replicas, const ReplicaSettings* settings, Body body) {
  if (replicas == 1) {
    if (settings[0].active && segments > 0) body(offsets[0], offsets[segments - 1] + lengths[segments - 1] - offsets[0], 0);
    return;
  }
  for (int s = 0; s < segments; s++)
    for (int k = 0; k < replicas; k++)
      if (settings[k].active) body(offsets[s] + k * lengths[s], lengths[s], k);
}

}  // namespace

// lengths[s] is the size of one replica of segment s.
VAE_API int vae_adam_step(Handle parameters, Handle gradients, Handle averages, Handle squares, const int64_t* offsets, const int64_t* lengths, int segments,
                          int replicas, const ReplicaSettings* settings) {
  return run([&] {
    at::NoGradGuard no_grad;
    auto &p = get(parameters), &g = get(gradients), &m = get(averages), &v = get(squares);
    if (!all_plain({&p, &g, &m, &v})) {
      for_slices(offsets, lengths, segments, replicas, settings, [&](int64_t offset, int64_t count, int k) {
        adam_elsewhere(p.narrow(0, offset, count), g.narrow(0, offset, count), m.narrow(0, offset, count), v.narrow(0, offset, count), settings[k]);
      });
      return;
    }
    auto *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(), *mp = m.data_ptr<float>(), *vp = v.data_ptr<float>();
    for_runs(offsets, lengths, segments, replicas, settings, [&](int64_t offset, int64_t count, int k) {
      loops::adam(pp + offset, gp + offset, mp + offset, vp + offset, count, adam_settings(settings[k]));
    });
  });
}

VAE_API int vae_sgd_step(Handle parameters, Handle gradients, Handle buffers, const int64_t* offsets, const int64_t* lengths, int segments, int replicas,
                         const ReplicaSettings* settings) {
  return run([&] {
    at::NoGradGuard no_grad;
    auto &p = get(parameters), &g = get(gradients), &b = get(buffers);
    if (!all_plain({&p, &g, &b})) {
      for_slices(offsets, lengths, segments, replicas, settings, [&](int64_t offset, int64_t count, int k) {
        sgd_elsewhere(p.narrow(0, offset, count), g.narrow(0, offset, count), b.narrow(0, offset, count), settings[k]);
      });
      return;
    }
    auto *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(), *bp = b.data_ptr<float>();
    for_runs(offsets, lengths, segments, replicas, settings, [&](int64_t offset, int64_t count, int k) {
      loops::sgd(pp + offset, gp + offset, bp + offset, count, sgd_settings(settings[k]));
    });
  });
}
