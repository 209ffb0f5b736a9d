#include "thin_kernels.h"

const vae::thin::Kernels* vae::thin::kernels(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::kV4) return &kKernelsV4;
  if (set == InstructionSet::kV3) return &kKernelsV3;
#endif
  return nullptr;
}
