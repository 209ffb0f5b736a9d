#include "blas.h"

#include <ATen/ATen.h>

#include <dlfcn.h>

#include <algorithm>
#include <limits>

namespace vae::blas {

namespace {

using Sgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*, const int*);

// The Fortran name is exported by every BLAS with 32-bit sizes. Where libtorch has linked its own BLAS invisibly, the products go through ATen.
Sgemm find_sgemm() { return reinterpret_cast<Sgemm>(dlsym(RTLD_DEFAULT, "sgemm_")); }

bool fits(int64_t value) { return value <= std::numeric_limits<int>::max(); }

at::Tensor matrix(const float* data, bool transposed, int64_t rows, int64_t columns, int64_t stride) {
  const std::vector<int64_t> sizes{rows, columns}, strides = transposed ? std::vector<int64_t>{1, stride} : std::vector<int64_t>{stride, 1};
  return at::from_blob(const_cast<float*>(data), sizes, strides, at::TensorOptions().dtype(at::kFloat));
}

void multiply_by_aten(const Product& p) {
  at::NoGradGuard no_grad;
  auto c = matrix(p.c, false, p.m, p.n, p.ldc);
  at::addmm_out(c, c, matrix(p.a, p.transpose_a, p.m, p.k, p.lda), matrix(p.b, p.transpose_b, p.k, p.n, p.ldb), p.beta, 1);
}

}  // namespace

void multiply(const Product& p) {
  static const Sgemm sgemm = find_sgemm();
  if (p.m == 0 || p.n == 0) return;
  if (sgemm == nullptr || !fits(p.lda) || !fits(p.ldb) || !fits(p.ldc) || !fits(p.m)) {
    multiply_by_aten(p);
    return;
  }
  // BLAS thinks in columns: the row-major product is C^T = op(B)^T op(A)^T.
  const auto m = static_cast<int>(p.n), n = static_cast<int>(p.m), k = static_cast<int>(p.k);
  const auto lda = static_cast<int>(std::max<int64_t>(p.lda, 1)), ldb = static_cast<int>(std::max<int64_t>(p.ldb, 1)), ldc = static_cast<int>(p.ldc);
  const float one = 1.0f;
  sgemm(p.transpose_b ? "T" : "N", p.transpose_a ? "T" : "N", &m, &n, &k, &one, p.b, &ldb, p.a, &lda, &p.beta, p.c, &ldc);
}

}  // namespace vae::blas
