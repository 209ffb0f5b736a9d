// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// Number `index` of (seed, stream) is word `index % 4` of the block with counter (index / 4 as 64 bits, stream as 64 bits) and key `seed`.
// It is a pure function, so any worker can make any rows of a global batch, in any order, and gets the same bits.
#pragma once

#include <cstdint>

namespace vae::noise {

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

// Numbers first .. first + count - 1.
void bits(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, uint32_t* out);

// u = (bits >> 8) / 2^24, in [0, 1).
void uniform(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, float* out);

// Standard normal by Box and Muller: numbers 2i and 2i + 1 come from random words 2i and 2i + 1. |z| <= 5.77, since u has 24 bits.
void normal(uint64_t seed, uint64_t stream, uint64_t first, int64_t count, float* out);

}  // namespace vae::noise
