#include "blas.h"

#include <dlfcn.h>

#include <atomic>
#include <limits>

#include "abi.h"

namespace vae::blas {

namespace {

// A BLAS takes pointers to 32-bit or to 64-bit sizes, and its name does not tell; on a little-endian machine the same 64 bits serve both.
using Size = int64_t;
using Sgemm = void (*)(const char*, const char*, const Size*, const Size*, const Size*, const float*, const float*, const Size*, const float*, const Size*, const float*, float*, const Size*);

std::atomic<bool> aten_only{false};

// The Fortran name is exported by every BLAS. Where libtorch has linked its own invisibly, the products go through ATen.
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
  if (sgemm == nullptr || aten_only || !fits(p.lda) || !fits(p.ldb) || !fits(p.ldc) || !fits(p.m)) {
    multiply_by_aten(p);
    return;
  }
  // BLAS thinks in columns: the row-major product is C^T = op(B)^T op(A)^T.
  const float one = 1.0f;
  sgemm(p.transpose_b ? "T" : "N", p.transpose_a ? "T" : "N", &p.n, &p.m, &p.k, &one, p.b, &p.ldb, p.a, &p.lda, &p.beta, p.c, &p.ldc);
}

}  // namespace vae::blas

// For tests of the path that machines take whose libtorch hides its BLAS.
VAE_API void vae_products_by_aten(int only) { vae::blas::aten_only = only != 0; }
