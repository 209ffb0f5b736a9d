// The products for any processor: four floats at a time, which SSE2 and NEON have. Also the choice between the tables.
#include "instruction_set.h"

#define VAE_VECTOR 4
#define VAE_ROWS 4
#define VAE_TABLE kKernelsBase
#include "conv_kernels_body.h"

const vae::conv::Kernels& vae::conv::kernels() {
#if defined(__x86_64__)
  const auto set = instruction_set();
  if (set == InstructionSet::kV4) return kKernelsV4;
  if (set == InstructionSet::kV3) return kKernelsV3;
#endif
  return kKernelsBase;
}
