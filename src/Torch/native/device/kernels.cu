// What a training step does on a CUDA device beside ATen's operations. Compiled at run time by NVRTC, so that building the library needs no nvcc;
// without fused multiply-add, so that noise has the host's bits (native/noise.cpp). The same text is compiled for the host by the tests.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// Row numbers travel as a kernel argument: no copy to the device, and nothing that must outlive the launch.
struct VaeRows {
  int value[512];
};

__device__ u64 vae_index() { return static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ u64 vae_stride() { return static_cast<u64>(gridDim.x) * blockDim.x; }

// Philox4x32-10 (Salmon et al., SC 2011): the block that holds number 4 * block + 0 .. 3 of (seed, stream).
__device__ void vae_philox(u64 seed, u64 stream, u64 block, u32 out[4]) {
  u32 c0 = static_cast<u32>(block), c1 = static_cast<u32>(block >> 32), c2 = static_cast<u32>(stream), c3 = static_cast<u32>(stream >> 32);
  u32 k0 = static_cast<u32>(seed), k1 = static_cast<u32>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const u64 p0 = static_cast<u64>(0xD2511F53u) * c0, p1 = static_cast<u64>(0xCD9E8D57u) * c2;
    const u32 n0 = static_cast<u32>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<u32>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<u32>(p1);
    c3 = static_cast<u32>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

__device__ u32 vae_word(u64 seed, u64 stream, u64 index) {
  u32 words[4];
  vae_philox(seed, stream, index >> 2, words);
  return words[index & 3];
}

// ln u for u in (0, 1], term for term as on the host.
__device__ float vae_log_unit(float u) {
  const u32 raw = __float_as_uint(u) - 0x3F3504F3u;
  const float e = static_cast<float>(static_cast<int>(raw) >> 23);
  const float x = __uint_as_float((raw & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f, z = x * x;
  float p = 7.0376836292e-2f;
  p = p * x - 1.1514610310e-1f;
  p = p * x + 1.1676998740e-1f;
  p = p * x - 1.2420140846e-1f;
  p = p * x + 1.4249322787e-1f;
  p = p * x - 1.6668057665e-1f;
  p = p * x + 2.0000714765e-1f;
  p = p * x - 2.4999993993e-1f;
  p = p * x + 3.3333331174e-1f;
  const float y = p * x * z + e * -2.12194440e-4f - 0.5f * z;
  return x + y + e * 0.693359375f;
}

// Box and Muller: numbers 2i and 2i + 1 come from words 2i and 2i + 1.
__device__ float vae_normal_at(u64 seed, u64 stream, u64 index) {
  u32 words[4];
  vae_philox(seed, stream, index >> 2, words);
  const u32 first = words[index & 2], second = words[(index & 2) + 1];
  const float u = static_cast<float>(static_cast<int>((first >> 8) + 1)) * 5.9604644775390625e-8f;
  const float r = sqrtf(-2.0f * vae_log_unit(u));
  const int turn = static_cast<int>(second >> 8), quadrant = (turn + (1 << 21)) >> 22;
  const float a = static_cast<float>(turn - quadrant * (1 << 22)) * 3.745070282923929e-7f, z = a * a;
  const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
  const float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
  const bool swap = (quadrant & 1) != 0;
  if ((index & 1) == 0) {
    const float x = swap ? s : c;
    return r * (((quadrant + 1) & 2) != 0 ? -x : x);
  }
  const float y = swap ? c : s;
  return r * ((quadrant & 2) != 0 ? -y : y);
}

// Rows of `width` numbers, `stride` apart in memory; `first` is the index of the first number.
extern "C" __global__ void vae_normal(float* out, i64 stride, i64 rows, i64 width, u64 seed, u64 stream, u64 first) {
  const u64 count = static_cast<u64>(rows) * static_cast<u64>(width);
  for (u64 i = vae_index(); i < count; i += vae_stride()) out[i / width * stride + i % width] = vae_normal_at(seed, stream, first + i);
}

extern "C" __global__ void vae_uniform(float* out, i64 stride, i64 rows, i64 width, u64 seed, u64 stream, u64 first) {
  const u64 count = static_cast<u64>(rows) * static_cast<u64>(width);
  for (u64 i = vae_index(); i < count; i += vae_stride())
    out[i / width * stride + i % width] = static_cast<float>(static_cast<int>(vae_word(seed, stream, first + i) >> 8)) * 5.9604644775390625e-8f;
}

// mode 0: v / 255; 1: v >= 128; 2: 1 with probability v / 255.
extern "C" __global__ void vae_gather(const unsigned char* data, VaeRows rows, i64 count, i64 width, float* out, i64 stride, int mode, u64 seed, u64 stream, u64 first) {
  const u64 total = static_cast<u64>(count) * static_cast<u64>(width);
  for (u64 i = vae_index(); i < total; i += vae_stride()) {
    const u64 row = i / width, column = i % width;
    const u32 v = data[static_cast<u64>(rows.value[row]) * width + column];
    float result;
    if (mode == 0) {
      result = static_cast<float>(static_cast<int>(v)) / 255.0f;
    } else if (mode == 1) {
      result = v >= 128 ? 1.0f : 0.0f;
    } else {
      // u < v / 255 in integers, as on the host.
      result = (vae_word(seed, stream, first + i) >> 8) * 255u < (v << 24) ? 1.0f : 0.0f;
    }
    out[row * stride + column] = result;
  }
}

// Adam and AdamW for one parameter [K, length], with the factors of a step in a table [11, K] (native/optim.h); clip [K] or null.
extern "C" __global__ void vae_adam(float* parameter, const float* gradient, float* average, float* square, i64 length, i64 replicas, const float* table, const float* clip) {
  const u64 total = static_cast<u64>(length) * static_cast<u64>(replicas);
  for (u64 i = vae_index(); i < total; i += vae_stride()) {
    const i64 k = static_cast<i64>(i / length);
    if (table[k] == 0.0f) continue;
    const float decay = table[2 * replicas + k], shrink = table[3 * replicas + k], keep1 = table[4 * replicas + k], take1 = table[5 * replicas + k];
    const float keep2 = table[6 * replicas + k], take2 = table[7 * replicas + k], inverse = table[8 * replicas + k], epsilon = table[9 * replicas + k], rate = table[10 * replicas + k];
    const float p = parameter[i] * shrink, g = gradient[i] * (clip == nullptr ? 1.0f : clip[k]) + p * decay;
    const float m = average[i] * keep1 + g * take1, v = square[i] * keep2 + g * g * take2;
    average[i] = m;
    square[i] = v;
    parameter[i] = p - rate * m / (sqrtf(v) * inverse + epsilon);
  }
}

// max(a,0) - a x + ln(1 + e^-|a|) of each element, and its derivative sigmoid(a) - x, times the slot's scale; rows that do not count give exactly 0.
// Per slot one block column: partial[slot * blocks + block] is added up by the caller in block order, so that a run repeats bit for bit.
extern "C" __global__ void vae_bernoulli(const float* logits, const float* target, i64 target_slot, float* gradient, const int* rows, const float* scale, i64 max_rows, i64 width, float* partial) {
  __shared__ float sums[256];
  const i64 slot = blockIdx.y, used = rows == nullptr ? max_rows : rows[slot];
  const float factor = scale[slot];
  const u64 count = static_cast<u64>(max_rows) * static_cast<u64>(width), live = static_cast<u64>(used) * static_cast<u64>(width);
  const float *a_of = logits + slot * count, *x_of = target + slot * target_slot;
  float sum = 0.0f;
  for (u64 i = vae_index(); i < count; i += vae_stride()) {
    float slope = 0.0f;
    if (i < live) {
      const float a = a_of[i], x = x_of[i], t = expf(-fabsf(a)), positive = 1.0f / (1.0f + t);
      sum += fmaxf(a, 0.0f) - a * x + log1pf(t);
      slope = ((a < 0.0f ? t * positive : positive) - x) * factor;
    }
    if (gradient != nullptr) gradient[slot * count + i] = slope;
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) partial[slot * gridDim.x + blockIdx.x] = sums[0] * factor;
}
