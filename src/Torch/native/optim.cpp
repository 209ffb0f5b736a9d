// Optimizers over flat buffers: one pass over memory instead of one operation per formula term and parameter.
//
// The buffers hold parameter after parameter, each as [K, size]; the table of segments names them. Every replica has its own settings,
// so K trials with K learning rates share one pass; a replica whose settings say inactive keeps its weights and its state.
#include "optim.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "loops.h"

using namespace vae;

namespace {

// An average that gets no more gradient (a pixel seen once) halves every few steps until it is below 1e-38, and stays there: the processor
// handles such numbers twenty times slower, and a long run's update took twice as long. Inside the update they count as 0.
class FlushTiny {
 public:
#if defined(__x86_64__)
  FlushTiny() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~FlushTiny() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushTiny() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (uint64_t{1} << 24)));
  }
  ~FlushTiny() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  uint64_t before_;
#endif
};

constexpr int64_t kChunk = 16384;  // Four streams of 64 KB: what one core's second-level cache holds.

// Calls body(offset, count, replica) for runs of memory with one replica's settings.
template <class Body>
void for_runs(const Segments& segments, const ReplicaSettings* settings, Body body) {
  if (segments.replicas == 1) {
    // With one replica the segments are one run without gaps; a caller's table is in order, so its ends give it.
    if (!settings[0].active || segments.count == 0) return;
    const int last = segments.count - 1;
    const int64_t begin = segments.offsets[0], end = segments.offsets[last] + segments.lengths[last];
    at::parallel_for(begin, end, kChunk, [&](int64_t from, int64_t to) {
      const FlushTiny flush;
      body(from, to - from, 0);
    });
    return;
  }
  for (int s = 0; s < segments.count; s++) {
    const int64_t length = segments.lengths[s];
    at::parallel_for(0, length * segments.replicas, kChunk, [&](int64_t from, int64_t to) {
      const FlushTiny flush;
      while (from < to) {
        const int64_t replica = from / length, stop = std::min(to, (replica + 1) * length);
        if (settings[replica].active) body(segments.offsets[s] + from, stop - from, static_cast<int>(replica));
        from = stop;
      }
    });
  }
}

// The norm of one replica's gradient, added up in fixed pieces, so that it does not depend on threads.
double gradient_norm(const float* gradients, const Segments& segments, int replica) {
  double sum = 0;
  std::vector<double> pieces;
  for (int s = 0; s < segments.count; s++) {
    const int64_t length = segments.lengths[s], count = (length + kChunk - 1) / kChunk;
    const float* values = gradients + segments.offsets[s] + replica * length;
    pieces.assign(static_cast<size_t>(count), 0);
    at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) pieces[i] = loops::sum_of_squares(values + i * kChunk, std::min(kChunk, length - i * kChunk));
    });
    for (const double piece : pieces) sum += piece;
  }
  return std::sqrt(sum);
}

// Factor of each replica's gradient (Pascanu et al. 2013, algorithm 1). A norm that is not a number leaves the gradient, and so the loss, as it is.
float clip_factor(const float* gradients, const Segments& segments, ReplicaSettings& r, int replica) {
  if (!r.active || r.clip <= 0) return 1.0f;
  r.norm = gradient_norm(gradients, segments, replica);
  return r.norm > r.clip ? static_cast<float>(r.clip / r.norm) : 1.0f;
}

loops::AdamSettings adam_settings(const ReplicaSettings& r, float gradient_factor) {
  const double correction1 = 1.0 - std::pow(r.beta1, static_cast<double>(r.step)), correction2 = 1.0 - std::pow(r.beta2, static_cast<double>(r.step));
  return {static_cast<float>(r.beta1), static_cast<float>(r.beta2), static_cast<float>(1.0 - r.beta1), static_cast<float>(1.0 - r.beta2),
          static_cast<float>(r.epsilon), static_cast<float>(r.learning_rate / correction1), static_cast<float>(std::sqrt(correction2)),
          r.decoupled ? 0.0f : static_cast<float>(r.weight_decay), r.decoupled ? static_cast<float>(1.0 - r.learning_rate * r.weight_decay) : 1.0f, gradient_factor};
}

loops::SgdSettings sgd_settings(const ReplicaSettings& r, float gradient_factor) {
  return {static_cast<float>(r.learning_rate), static_cast<float>(r.momentum), static_cast<float>(1.0 - r.dampening), static_cast<float>(r.weight_decay), gradient_factor,
          r.nesterov != 0, r.step == 1};
}

bool all_plain(std::initializer_list<const at::Tensor*> tensors) {
  for (const auto* t : tensors)
    if (!is_plain_cpu_float(*t) || !t->is_contiguous()) return false;
  return true;
}

at::Tensor table_on(const at::Tensor& buffer, const ReplicaSettings* settings, int replicas, bool adam, Handle table) {
  return table != nullptr ? *table : settings_table(settings, replicas, adam).to(buffer.options());
}

}  // namespace

// Fills a table [kColumns, K] on a device; a captured graph of the steps below reads it at each replay.
VAE_API int vae_optimizer_table(const ReplicaSettings* settings, int replicas, int adam, Handle table) {
  return run([&] { get(table).copy_(settings_table(settings, replicas, adam != 0), /*non_blocking=*/true); });
}

// lengths[s] is the size of one replica of segment s. The table is for buffers that are not plain floats on the host; null makes it from the settings.
VAE_API int vae_adam_step(Handle parameters, Handle gradients, Handle averages, Handle squares, const int64_t* offsets, const int64_t* lengths, int count,
                          int replicas, ReplicaSettings* settings, Handle table) {
  return run([&] {
    at::NoGradGuard no_grad;
    const Segments segments{offsets, lengths, count, replicas};
    auto &p = get(parameters), &g = get(gradients), &m = get(averages), &v = get(squares);
    if (!all_plain({&p, &g, &m, &v})) {
      const bool any_clip = std::any_of(settings, settings + replicas, [](const ReplicaSettings& r) { return r.clip > 0; });
      adam_on_device(p, g, m, v, segments, table_on(p, settings, replicas, true, table), any_clip);
      return;
    }
    auto *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(), *mp = m.data_ptr<float>(), *vp = v.data_ptr<float>();
    std::vector<loops::AdamSettings> factors(static_cast<size_t>(replicas));
    for (int k = 0; k < replicas; k++) factors[k] = adam_settings(settings[k], clip_factor(gp, segments, settings[k], k));
    for_runs(segments, settings, [&](int64_t offset, int64_t length, int k) { loops::adam(pp + offset, gp + offset, mp + offset, vp + offset, length, factors[k]); });
  });
}

VAE_API int vae_sgd_step(Handle parameters, Handle gradients, Handle buffers, const int64_t* offsets, const int64_t* lengths, int count, int replicas,
                         ReplicaSettings* settings, Handle table) {
  return run([&] {
    at::NoGradGuard no_grad;
    const Segments segments{offsets, lengths, count, replicas};
    auto &p = get(parameters), &g = get(gradients), &b = get(buffers);
    if (!all_plain({&p, &g, &b})) {
      sgd_on_device(p, g, b, segments, table_on(p, settings, replicas, false, table));
      return;
    }
    auto *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(), *bp = b.data_ptr<float>();
    std::vector<loops::SgdSettings> factors(static_cast<size_t>(replicas));
    for (int k = 0; k < replicas; k++) factors[k] = sgd_settings(settings[k], clip_factor(gp, segments, settings[k], k));
    for_runs(segments, settings, [&](int64_t offset, int64_t length, int k) { loops::sgd(pp + offset, gp + offset, bp + offset, length, factors[k]); });
  });
}
