// Compiled without fused multiply-add (see CMakeLists.txt) and with no function of the C library, so every processor makes the same bits.
#include "noise.h"

#include "loops.h"

namespace vae::noise {

namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u, kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
constexpr int kBlocks = 64, kWords = 4 * kBlocks;  // One batch stays in the first-level cache.

// Makes kBlocks consecutive blocks as four arrays, which the compiler turns into vector code; then interleaves them.
VAE_CLONES void philox_batch(uint64_t seed, uint64_t stream, uint64_t block, uint32_t* __restrict out) {
  uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (int i = 0; i < kBlocks; i++) {
    const uint64_t counter = block + static_cast<uint64_t>(i);
    c0[i] = static_cast<uint32_t>(counter);
    c1[i] = static_cast<uint32_t>(counter >> 32);
    c2[i] = static_cast<uint32_t>(stream);
    c3[i] = static_cast<uint32_t>(stream >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < kBlocks; i++) {
      const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * c0[i], p1 = static_cast<uint64_t>(kMultiplier1) * c2[i];
      const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = static_cast<uint32_t>(p1);
      c3[i] = static_cast<uint32_t>(p0);
      c0[i] = n0;
      c2[i] = n2;
    }
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  for (int i = 0; i < kBlocks; i++) {
    out[4 * i] = c0[i];
    out[4 * i + 1] = c1[i];
    out[4 * i + 2] = c2[i];
    out[4 * i + 3] = c3[i];
  }
}

#define VAE_NOISE_INLINE static inline __attribute__((always_inline))

VAE_NOISE_INLINE float from_bits(uint32_t bits) { return __builtin_bit_cast(float, bits); }

// ln u for u in (0, 1]: u = 2^e m with m in [sqrt(1/2), sqrt 2), then the polynomial of Cephes' logf.
VAE_NOISE_INLINE float log_unit(float u) {
  const uint32_t raw = __builtin_bit_cast(uint32_t, u) - 0x3F3504F3u;  // sqrt(1/2)
  const float e = static_cast<float>(static_cast<int32_t>(raw) >> 23);
  const float x = from_bits((raw & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f, z = x * x;
  float p = 7.0376836292e-2f;
  p = p * x - 1.1514610310e-1f;
  p = p * x + 1.1676998740e-1f;
  p = p * x - 1.2420140846e-1f;
  p = p * x + 1.4249322787e-1f;
  p = p * x - 1.6668057665e-1f;
  p = p * x + 2.0000714765e-1f;
  p = p * x - 2.4999993993e-1f;
  p = p * x + 3.3333331174e-1f;
  float y = p * x * z + e * -2.12194440e-4f - 0.5f * z;
  return x + y + e * 0.693359375f;
}

// Pairs of words into pairs of normals. The angle is 2 pi (w >> 8) / 2^24, split into a quadrant and a rest in [-pi/4, pi/4).
VAE_CLONES void box_muller(const uint32_t* __restrict words, float* __restrict out) {
  float radius[kWords / 2], cosine[kWords / 2], sine[kWords / 2];
  for (int i = 0; i < kWords / 2; i++) {
    const float u = static_cast<float>(static_cast<int32_t>((words[2 * i] >> 8) + 1)) * 5.9604644775390625e-8f;
    radius[i] = -2.0f * log_unit(u);
    const int32_t turn = static_cast<int32_t>(words[2 * i + 1] >> 8), quadrant = (turn + (1 << 21)) >> 22;
    const float a = static_cast<float>(turn - quadrant * (1 << 22)) * 3.745070282923929e-7f, z = a * a;  // 2 pi / 2^24
    const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
    const float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
    const bool swap = (quadrant & 1) != 0;
    const float x = swap ? s : c, y = swap ? c : s;
    cosine[i] = ((quadrant + 1) & 2) != 0 ? -x : x;
    sine[i] = (quadrant & 2) != 0 ? -y : y;
  }
  for (int i = 0; i < kWords / 2; i++) {
    const float r = __builtin_sqrtf(radius[i]);
    out[2 * i] = r * cosine[i];
    out[2 * i + 1] = r * sine[i];
  }
}

VAE_CLONES void to_uniform(const uint32_t* __restrict words, float* __restrict out) {
  for (int i = 0; i < kWords; i++) out[i] = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 5.9604644775390625e-8f;
}

// Whole batches start at multiples of kWords of the element index, so that a slice meets the same pairs as the whole.
template <class Word, class Convert>
void for_batches(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, Word* out, Convert convert) {
  uint32_t words[kWords];
  Word values[kWords];
  const uint64_t end = first + static_cast<uint64_t>(count);
  for (uint64_t start = first / kWords * kWords; start < end; start += kWords) {
    philox_batch(seed, stream, start / 4, words);
    const bool whole = start >= first && start + kWords <= end;
    if (whole) {
      convert(words, out + (start - first));
      continue;
    }
    convert(words, values);
    const uint64_t from = start < first ? first : start, to = start + kWords < end ? start + kWords : end;
    for (uint64_t i = from; i < to; i++) out[i - first] = values[i - start];
  }
}

}  // namespace

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t words[kWords];
  philox_batch(key[0] | static_cast<uint64_t>(key[1]) << 32, counter[2] | static_cast<uint64_t>(counter[3]) << 32,
               counter[0] | static_cast<uint64_t>(counter[1]) << 32, words);
  for (int i = 0; i < 4; i++) out[i] = words[i];
}

void bits(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, uint32_t* out) {
  for_batches(seed, stream, first, count, out, [](const uint32_t* words, uint32_t* values) {
    for (int i = 0; i < kWords; i++) values[i] = words[i];
  });
}

void uniform(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, float* out) {
  for_batches(seed, stream, first, count, out, to_uniform);
}

void normal(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, float* out) {
  for_batches(seed, stream, first, count, out, box_muller);
}

}  // namespace vae::noise
