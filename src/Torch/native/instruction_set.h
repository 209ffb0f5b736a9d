// Which of the kernels that are compiled once per instruction set this processor runs.
#pragma once

namespace vae {

enum class InstructionSet { kBase, kV3, kV4 };  // x86-64-v3 has AVX2 and FMA, v4 AVX-512; any other processor is kBase

InstructionSet instruction_set();

}  // namespace vae
