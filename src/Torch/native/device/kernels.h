// Kernels of device/kernels.cu on CUDA tensors. Each returns false where it does not apply (another device, no CUDA in this build, no NVRTC on this
// machine, an odd layout), and the caller then goes through ATen's operations, with the same results but more passes over memory.
#pragma once

#include "../abi.h"

namespace vae::device {

// Whether the kernels run on the tensor's device.
bool has_kernels(const at::Tensor& t);

// Standard normal or uniform numbers; rows of the tensor may lie apart. first_row: position of the first row in the stream.
bool fill_normal(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row);
bool fill_uniform(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row);

// Rows of a byte data set as floats; mode as in gather.cpp.
template <class Index>
bool gather(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row);

// Adam on views [K, length] of the flat buffers. clip [K] or undefined.
bool adam(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& average, const at::Tensor& square, const at::Tensor& table, const at::Tensor& clip);

// Sum of the Bernoulli negative log-likelihood per slot [K] times its scale, and where `gradient` is defined its gradient.
// All contiguous floats on one device that has_kernels: logits [K,n,D] or [n,D], target [n,D] or [K,n,D], scale [K]; rows int32 [K] or undefined.
at::Tensor bernoulli(const at::Tensor& logits, const at::Tensor& target, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& gradient);

// For people: what the kernels were compiled for, or why there are none.
std::string status(int device_index);

}  // namespace vae::device
