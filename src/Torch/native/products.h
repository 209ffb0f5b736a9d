// Plain single-precision matrix products without ATen's dispatch, which costs more than a small product itself. A layer's products with few rows
// go through own kernels (thin_kernels.h), all others to the BLAS that libtorch uses.
#pragma once

#include <cstdint>

namespace vae::products {

// Row-major C[m,n] = op(A)[m,k] op(B)[k,n] + beta C; lda, ldb and ldc are the distances of rows in memory.
struct Product {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float beta;
  float* c;
  int64_t ldc;
};
void multiply(const Product& product);

}  // namespace vae::products
