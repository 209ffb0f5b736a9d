// The products for any processor: four floats at a time, which SSE2 and NEON have. Also the choice between the tables.
#define VAE_VECTOR 4
#define VAE_ROWS 4
#define VAE_TABLE kKernelsBase
#include "conv_kernels_body.h"

const vae::conv::Kernels& vae::conv::kernels() {
#if defined(__x86_64__)
  static const Kernels& chosen = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd")
                                     ? kKernelsV4
                                 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") ? kKernelsV3
                                                                                                                                      : kKernelsBase;
  return chosen;
#else
  return kKernelsBase;
#endif
}
