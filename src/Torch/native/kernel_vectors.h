// Vectors of VAE_VECTOR floats for sources that are compiled once per instruction set; each says VAE_VECTOR before it includes this.
// No standard header may be included after the compiler was told to use wider instructions: an inline function compiled for them could be
// the one that the linker keeps for everybody. What stands here is each source's own.
#pragma once

#include <cstdint>

#define VAE_FORCE_INLINE inline __attribute__((always_inline))

namespace vae {
namespace {

typedef float Vector __attribute__((vector_size(VAE_VECTOR * 4)));
typedef float Unaligned __attribute__((vector_size(VAE_VECTOR * 4), aligned(4), may_alias));

constexpr int64_t kVector = VAE_VECTOR;

VAE_FORCE_INLINE Vector load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
VAE_FORCE_INLINE void store(float* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }

}  // namespace
}  // namespace vae
