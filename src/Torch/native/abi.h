// The rules of the flat C ABI:
//  - a tensor is an opaque `at::Tensor*`; a function that makes one returns it, or null for an error;
//  - every other function returns 0, or 1 for an error;
//  - the text of the last error lies in a thread-local string (vae_last_error);
//  - no C++ exception ever leaves the library.
#pragma once

#include <ATen/ATen.h>
#include <torch/version.h>

#include <cstdint>

#define VAE_API extern "C" __attribute__((visibility("default")))

using Handle = at::Tensor*;
using TensorList = std::vector<at::Tensor>;

namespace vae {

// Stores the text of the exception in flight.
void remember_exception() noexcept;

Handle wrap(at::Tensor&& tensor);

inline at::Tensor& get(Handle handle) { return *handle; }

// Null stands for "no tensor" where an argument is optional.
inline at::Tensor get_or_undefined(Handle handle) { return handle == nullptr ? at::Tensor() : *handle; }

inline TensorList get_list(const Handle* handles, int count) {
  TensorList list;
  list.reserve(count);
  for (int i = 0; i < count; i++) list.push_back(*handles[i]);
  return list;
}

template <class Body>
Handle make(Body&& body) noexcept {
  try {
    return wrap(body());
  } catch (...) {
    remember_exception();
    return nullptr;
  }
}

template <class Body>
int run(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (...) {
    remember_exception();
    return 1;
  }
}

inline at::IntArrayRef sizes(const int64_t* values, int count) { return at::IntArrayRef(values, static_cast<size_t>(count)); }

inline at::Scalar scalar(double value, int is_integer) {
  return is_integer ? at::Scalar(static_cast<int64_t>(value)) : at::Scalar(value);
}

// device_type is c10::DeviceType (0 = CPU, 1 = CUDA); dtype is c10::ScalarType.
inline at::TensorOptions options(int dtype, int device_type, int device_index) {
  auto type = static_cast<c10::DeviceType>(device_type);
  auto device = type == c10::DeviceType::CPU ? c10::Device(type) : c10::Device(type, static_cast<c10::DeviceIndex>(device_index));
  return at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)).device(device);
}

inline bool is_plain_cpu_float(const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; }

// True while a plain backward() runs on this thread: gradients may then be added straight into `.grad`.
bool in_plain_backward() noexcept;

}  // namespace vae
