// Layers and activations through ATen's operations: any device and type, differentiable, and the twin that the fused layers are tested against.
#pragma once

#include "abi.h"

namespace vae {

// The numbers are Activation.Kind's on the managed side.
enum class Act : int { kIdentity, kRelu, kLeakyRelu, kTanh, kSigmoid, kSilu, kGelu, kElu, kSoftplus };

at::Tensor activate(const at::Tensor& x, Act act, double slope);
at::Tensor activate_backward(const at::Tensor& gradient, const at::Tensor& before, const at::Tensor& after, Act act, double slope);

// Whether products and convolutions of this thread are computed from bfloat16 inputs.
bool reduced_products() noexcept;

// y[K,n,out] = x[K,n,in] weight[K,out,in]^T + bias[K,out]; x may be [1,n,in] for all replicas. For K = 1 it may be [n,in], and y is then [n,out].
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
void check_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace vae
