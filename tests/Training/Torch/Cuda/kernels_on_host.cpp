// Compiles the text of the CUDA kernels for the host, one thread at a time, so that their arithmetic is tested where no device is.
#include <cmath>
#include <cstring>

struct Dim {
  unsigned x, y, z;
};
static Dim blockIdx, threadIdx, blockDim{1, 1, 1}, gridDim{1, 1, 1};
#define __global__
#define __device__ static
#define __shared__ static
static void __syncthreads() {}
static unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
static float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

#include "kernels.cu"

template <class Body>
static void for_blocks(unsigned x, unsigned y, Body body) {
  gridDim = {x, y, 1};
  for (blockIdx.y = 0; blockIdx.y < y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < x; blockIdx.x++) body();
}

extern "C" void host_fill(int normal, float* out, i64 stride, i64 rows, i64 width, u64 seed, u64 stream, u64 first) {
  for_blocks(3, 1, [&] { (normal ? vae_normal : vae_uniform)(out, stride, rows, width, seed, stream, first); });
}
extern "C" void host_gather(const unsigned char* data, const int* rows, i64 count, i64 width, float* out, i64 stride, int mode, u64 seed, u64 stream, u64 first) {
  VaeRows list{};
  std::memcpy(list.value, rows, sizeof(int) * static_cast<size_t>(count));
  for_blocks(3, 1, [&] { vae_gather(data, list, count, width, out, stride, mode, seed, stream, first); });
}
extern "C" void host_adam(float* p, const float* g, float* m, float* v, i64 length, i64 replicas, const float* table, const float* clip) {
  for_blocks(3, 1, [&] { vae_adam(p, g, m, v, length, replicas, table, clip); });
}
extern "C" void host_bernoulli(const float* logits, const float* target, i64 target_slot, float* gradient, const int* rows, const float* scale, i64 slots, i64 max_rows, i64 width, float* partial) {
  for_blocks(4, static_cast<unsigned>(slots), [&] { vae_bernoulli(logits, target, target_slot, gradient, rows, scale, max_rows, width, partial); });
}
