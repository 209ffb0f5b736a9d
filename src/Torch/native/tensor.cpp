// Creation, facts and views of tensors.
#include "abi.h"

#include <cstring>

using namespace vae;

VAE_API Handle vae_empty(const int64_t* shape, int rank, int dtype, int device_type, int device_index) {
  return make([&] { return at::empty(sizes(shape, rank), options(dtype, device_type, device_index)); });
}
VAE_API Handle vae_full(const int64_t* shape, int rank, double value, int is_integer, int dtype, int device_type, int device_index) {
  return make([&] { return at::full(sizes(shape, rank), scalar(value, is_integer), options(dtype, device_type, device_index)); });
}
VAE_API Handle vae_zeros(const int64_t* shape, int rank, int dtype, int device_type, int device_index) {
  return make([&] { return at::zeros(sizes(shape, rank), options(dtype, device_type, device_index)); });
}
VAE_API Handle vae_arange(double start, double stop, double step, int is_integer, int dtype, int device_type, int device_index) {
  return make([&] {
    return at::arange(scalar(start, is_integer), scalar(stop, is_integer), scalar(step, is_integer), options(dtype, device_type, device_index));
  });
}
VAE_API Handle vae_eye(int64_t n, int dtype, int device_type, int device_index) {
  return make([&] { return at::eye(n, options(dtype, device_type, device_index)); });
}

// Copies `bytes` bytes of row-major data into a new tensor.
VAE_API Handle vae_from_data(const void* data, int64_t bytes, const int64_t* shape, int rank, int dtype, int device_type, int device_index) {
  return make([&] {
    auto tensor = at::empty(sizes(shape, rank), options(dtype, 0, 0));
    TORCH_CHECK(static_cast<int64_t>(tensor.nbytes()) == bytes, "the data has ", bytes, " bytes but the shape needs ", tensor.nbytes());
    if (bytes > 0) std::memcpy(tensor.data_ptr(), data, static_cast<size_t>(bytes));
    return device_type == 0 ? tensor : tensor.to(options(dtype, device_type, device_index).device());
  });
}

// The caller keeps the memory alive and in place for as long as the tensor or a view of it lives.
VAE_API Handle vae_from_blob(void* data, const int64_t* shape, int rank, int dtype) {
  return make([&] { return at::from_blob(data, sizes(shape, rank), options(dtype, 0, 0)); });
}

VAE_API Handle vae_alias(Handle tensor) {
  return make([&] { return get(tensor); });
}

VAE_API int64_t vae_numel(Handle tensor) { return get(tensor).numel(); }
VAE_API int vae_dim(Handle tensor) { return static_cast<int>(get(tensor).dim()); }
VAE_API int vae_dtype(Handle tensor) { return static_cast<int>(get(tensor).scalar_type()); }
VAE_API int vae_is_contiguous(Handle tensor) { return get(tensor).is_contiguous() ? 1 : 0; }
VAE_API void vae_device(Handle tensor, int* device_type, int* device_index) {
  auto device = get(tensor).device();
  *device_type = static_cast<int>(device.type());
  *device_index = device.index();
}
VAE_API int vae_size(Handle tensor, int64_t dim, int64_t* size) {
  return run([&] { *size = get(tensor).size(dim); });
}
VAE_API int vae_stride(Handle tensor, int64_t dim, int64_t* stride) {
  return run([&] { *stride = get(tensor).stride(dim); });
}
VAE_API int vae_data_ptr(Handle tensor, void** data) {
  return run([&] { *data = get(tensor).data_ptr(); });
}
VAE_API int vae_item(Handle tensor, double* value) {
  return run([&] { *value = get(tensor).item().toDouble(); });
}

VAE_API Handle vae_view(Handle t, const int64_t* shape, int rank) {
  return make([&] { return get(t).view(sizes(shape, rank)); });
}
VAE_API Handle vae_reshape(Handle t, const int64_t* shape, int rank) {
  return make([&] { return get(t).reshape(sizes(shape, rank)); });
}
VAE_API Handle vae_expand(Handle t, const int64_t* shape, int rank) {
  return make([&] { return get(t).expand(sizes(shape, rank)); });
}
VAE_API Handle vae_permute(Handle t, const int64_t* dims, int rank) {
  return make([&] { return get(t).permute(sizes(dims, rank)); });
}
VAE_API Handle vae_transpose(Handle t, int64_t a, int64_t b) {
  return make([&] { return get(t).transpose(a, b); });
}
VAE_API Handle vae_narrow(Handle t, int64_t dim, int64_t start, int64_t length) {
  return make([&] { return get(t).narrow(dim, start, length); });
}
VAE_API Handle vae_slice(Handle t, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  return make([&] { return get(t).slice(dim, start, stop, step); });
}
VAE_API Handle vae_select(Handle t, int64_t dim, int64_t index) {
  return make([&] { return get(t).select(dim, index); });
}
VAE_API Handle vae_unsqueeze(Handle t, int64_t dim) {
  return make([&] { return get(t).unsqueeze(dim); });
}
VAE_API Handle vae_squeeze(Handle t, int64_t dim) {
  return make([&] { return get(t).squeeze(dim); });
}
VAE_API Handle vae_contiguous(Handle t) {
  return make([&] { return get(t).contiguous(); });
}
VAE_API Handle vae_clone(Handle t) {
  return make([&] { return get(t).clone(); });
}
VAE_API Handle vae_to(Handle t, int dtype, int device_type, int device_index, int copy) {
  return make([&] { return get(t).to(options(dtype, device_type, device_index), /*non_blocking=*/false, copy != 0); });
}
VAE_API int vae_copy_(Handle target, Handle source) {
  return run([&] {
    at::NoGradGuard no_grad;
    get(target).copy_(get(source));
  });
}

VAE_API Handle vae_cat(const Handle* list, int count, int64_t dim) {
  return make([&] { return at::cat(get_list(list, count), dim); });
}
VAE_API Handle vae_stack(const Handle* list, int count, int64_t dim) {
  return make([&] { return at::stack(get_list(list, count), dim); });
}
VAE_API Handle vae_index_select(Handle t, int64_t dim, Handle index) {
  return make([&] { return get(t).index_select(dim, get(index)); });
}
VAE_API Handle vae_gather(Handle t, int64_t dim, Handle index) {
  return make([&] { return get(t).gather(dim, get(index)); });
}
