// The register-blocked sums behind the products of a fully connected layer whose batch has few rows, compiled once per instruction set
// (thin_kernels_body.h). A BLAS first copies its operands into blocks, which with 32 rows in a batch costs
// a quarter of such a product and more when the weights come from memory (ADR 25); here they are read where they lie, once.
#pragma once

#include <cstdint>

#include "instruction_set.h"

namespace vae::thin {

// The sum over k < depth of a[i * a_row + k] * b[k * b_row + j], for i < rows and j < columns.
struct Sum {
  const float* a;
  int64_t a_row;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
  int64_t rows, columns, depth;
};

struct Kernels {
  int64_t vector;  // floats
  // c[j * c_row + i] = the sum: a large a, whose result is wanted turned. Rows of b must hold a whole number of vectors.
  void (*turned)(const Sum&);
  // c[i * c_row + j] = the sum: a large b.
  void (*along)(const Sum&);
};

// Null where nothing here is faster than a BLAS.
const Kernels* kernels(InstructionSet set);

#if defined(__x86_64__)
extern const Kernels kKernelsV3, kKernelsV4;
#endif

}  // namespace vae::thin
