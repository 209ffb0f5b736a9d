// Forward and backward of a fully connected layer over plain memory on the host, for all slots of a pack.
#pragma once

#include "layers.h"

namespace vae {

struct DenseLayer {
  at::Tensor weight, bias;  // [K,out,in], [K,out] or undefined
  Act act;
  double slope;

  int64_t outputs() const { return weight.size(1); }
  int64_t inputs() const { return weight.size(2); }
  bool identity() const { return act == Act::kIdentity; }
  // The activation and its derivative follow from the result: one pass over memory each way, together with the bias.
  bool piecewise() const { return identity() || act == Act::kRelu || (act == Act::kLeakyRelu && slope >= 0); }
  float factor() const { return identity() ? 1.0f : act == Act::kRelu ? 0.0f : static_cast<float>(slope); }
};

// The rows of each slot that count, out of n in memory. A copy: the caller may write the next step's numbers before backward runs.
struct UsedRows {
  int64_t n = 0;
  c10::SmallVector<int64_t, 8> used;

  int64_t slots() const { return static_cast<int64_t>(used.size()); }
  bool full() const;
};

// What backward needs of a layer's forward pass: its result, and for some activations what went in.
struct DensePassed {
  at::Tensor before, after;
};

// x is [K,n,in], or [1,n,in] for all slots; the result is [K,n,out]. Rows that do not count are 0 where `clear`, otherwise anything.
DensePassed dense_forward(const at::Tensor& x, const DenseLayer& layer, const UsedRows& rows, bool clear);

// Backward of bias and activation: turns the gradient of the result into the gradient before it, and adds its column sums to `bias_gradient`
// [K,out], where that is not null. Works in place where `owned`.
at::Tensor dense_backward_activation(const at::Tensor& gradient, bool owned, const DensePassed& passed, const DenseLayer& layer, const UsedRows& rows, float* bias_gradient);

// weight_gradient [K,out,in] += gradient^T x; and the gradient of x, [K,n,in].
void dense_backward_weight(const at::Tensor& gradient, const at::Tensor& x, const UsedRows& rows, float* weight_gradient);
at::Tensor dense_backward_input(const at::Tensor& gradient, const at::Tensor& weight, const UsedRows& rows, bool clear);

}  // namespace vae
