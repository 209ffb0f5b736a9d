// What one replica's update needs, shared by the host's loops and the path of other devices.
#pragma once

#include "abi.h"

namespace vae {

// One per replica, filled by the managed side; doubles, because 1 - beta2^t needs them.
struct ReplicaSettings {
  double learning_rate, beta1, beta2, epsilon, weight_decay, momentum, dampening;
  double clip;  // largest Euclidean norm of the replica's gradient; 0: not clipped
  double norm;  // out: the norm before clipping, where it was measured
  int64_t step;  // 1 for the first update
  int32_t active, decoupled, nesterov, reserved;
};

// The flat buffers hold parameter after parameter, each as [K, length]; offsets and lengths name them.
struct Segments {
  const int64_t *offsets, *lengths;
  int count, replicas;
};

// The factors of a step as a table [kColumns, K], which a captured graph reads: only this small table changes between replays.
constexpr int kColumns = 11;
at::Tensor settings_table(const ReplicaSettings* settings, int replicas, bool adam);

// The same formulas through ATen, all replicas of a parameter at once. `table` is settings_table's, on the buffers' device.
void adam_on_device(const at::Tensor& parameters, const at::Tensor& gradients, const at::Tensor& averages, const at::Tensor& squares, const Segments& segments, const at::Tensor& table, bool any_clip);
void sgd_on_device(const at::Tensor& parameters, const at::Tensor& gradients, const at::Tensor& buffers, const Segments& segments, const at::Tensor& table);

}  // namespace vae
