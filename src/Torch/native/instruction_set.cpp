#include "instruction_set.h"

#include <cstdlib>
#include <cstring>

namespace {

vae::InstructionSet find() {
#if defined(__x86_64__)
  // libtorch's own setting, so that one variable holds back both: "default" or "avx2".
  const char* wish = std::getenv("ATEN_CPU_CAPABILITY");
  const bool base_only = wish != nullptr && std::strcmp(wish, "default") == 0, no_avx512 = base_only || (wish != nullptr && std::strcmp(wish, "avx2") == 0);
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512cd");
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (v4 && !no_avx512) return vae::InstructionSet::kV4;
  if (v3 && !base_only) return vae::InstructionSet::kV3;
#endif
  return vae::InstructionSet::kBase;
}

}  // namespace

vae::InstructionSet vae::instruction_set() {
  static const InstructionSet found = find();
  return found;
}
