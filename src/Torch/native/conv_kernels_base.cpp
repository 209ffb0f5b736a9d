// The products for any processor: four floats at a time, which SSE2 and NEON have. Also the choice between the tables.
#include <cstdlib>
#include <cstring>

#define VAE_VECTOR 4
#define VAE_ROWS 4
#define VAE_TABLE kKernelsBase
#include "conv_kernels_body.h"

namespace {

const vae::conv::Kernels& choose() {
#if defined(__x86_64__)
  // libtorch's own setting, so that one variable holds back both: "default" or "avx2".
  const char* wish = std::getenv("ATEN_CPU_CAPABILITY");
  const bool base_only = wish != nullptr && std::strcmp(wish, "default") == 0, no_avx512 = base_only || (wish != nullptr && std::strcmp(wish, "avx2") == 0);
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512cd");
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (v4 && !no_avx512) return vae::conv::kKernelsV4;
  if (v3 && !base_only) return vae::conv::kKernelsV3;
#endif
  return vae::conv::kKernelsBase;
}

}  // namespace

const vae::conv::Kernels& vae::conv::kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}
