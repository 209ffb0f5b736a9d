#include "products.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "abi.h"
#include "instruction_set.h"
#include "thin_kernels.h"

namespace vae::products {

namespace {

// A BLAS takes pointers to 32-bit or to 64-bit sizes, and its name does not tell; on a little-endian machine the same 64 bits serve both.
using Size = int64_t;
using Sgemm = void (*)(const char*, const char*, const Size*, const Size*, const Size*, const float*, const float*, const Size*, const float*, const Size*, const float*, float*, const Size*);

// Who computes; anything but kBest is for tests and benchmarks.
enum Way { kBest, kAten, kBlas, kThinV3, kThinV4 };
std::atomic<int> way{kBest};

// Null where a BLAS does it.
const thin::Kernels* thin_kernels() {
  switch (way) {
    case kBest: return thin::kernels(instruction_set());
    case kThinV3: return thin::kernels(InstructionSet::kV3);
    case kThinV4: return thin::kernels(InstructionSet::kV4);
    default: return nullptr;
  }
}

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

// Above so many rows a BLAS has made good for its copies; with few columns turning the rows would cost more than it saves (measured, OpenBLAS 0.3.21).
constexpr int64_t kThinRows = 64, kTurnedColumns = 48;

// Columns of the result in one task, whole blocks of every kernel; and multiplications that are worth a thread.
constexpr int64_t kColumnsOfTask = 96, kWorkOfThread = 1 << 20;

// turned[k][i] = rows[i][k], with zeros for i beyond count. Four by four, so that both sides are read and written in runs.
void turn(const float* rows, int64_t row, int64_t count, int64_t depth, float* turned, int64_t width) {
  typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const float* from = rows + i * row;
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      Four in[4], pairs[4];
      for (int n = 0; n < 4; n++) in[n] = *reinterpret_cast<const Four*>(from + n * row + k);
      for (int n = 0; n < 2; n++) {
        pairs[n] = __builtin_shuffle(in[2 * n], in[2 * n + 1], (int __attribute__((vector_size(16)))){0, 4, 2, 6});
        pairs[n + 2] = __builtin_shuffle(in[2 * n], in[2 * n + 1], (int __attribute__((vector_size(16)))){1, 5, 3, 7});
      }
      for (int n = 0; n < 2; n++) {
        *reinterpret_cast<Four*>(turned + (k + n) * width + i) = __builtin_shuffle(pairs[2 * n], pairs[2 * n + 1], (int __attribute__((vector_size(16)))){0, 1, 4, 5});
        *reinterpret_cast<Four*>(turned + (k + n + 2) * width + i) = __builtin_shuffle(pairs[2 * n], pairs[2 * n + 1], (int __attribute__((vector_size(16)))){2, 3, 6, 7});
      }
    }
    for (; k < depth; k++)
      for (int n = 0; n < 4; n++) turned[k * width + i + n] = from[n * row + k];
  }
  for (; i < width; i++)
    for (int64_t k = 0; k < depth; k++) turned[k * width + i] = i < count ? rows[i * row + k] : 0.0f;
}

template <class Body>
void for_columns(const Product& p, const Body& body) {
  const int64_t tasks = (p.n + kColumnsOfTask - 1) / kColumnsOfTask, grain = std::max<int64_t>(1, kWorkOfThread / (kColumnsOfTask * p.m * p.k));
  at::parallel_for(0, tasks, grain, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kColumnsOfTask;
    body(first, std::min(end * kColumnsOfTask, p.n) - first);
  });
}

// The two products that go through all of a layer's weights, if its batch has few rows.
bool multiply_thin(const Product& p) {
  if (p.transpose_a || p.beta != 0.0f || p.m > kThinRows || p.k == 0) return false;
  const auto* kernels = thin_kernels();
  if (kernels == nullptr) return false;
  if (!p.transpose_b) {
    for_columns(p, [&](int64_t first, int64_t count) { kernels->along({p.a, p.lda, p.b + first, p.ldb, p.c + first, p.ldc, p.m, count, p.k}); });
    return true;
  }
  if (p.n < kTurnedColumns) return false;
  const int64_t width = (p.m + kernels->vector - 1) / kernels->vector * kernels->vector;
  const auto memory = at::empty({p.k, width}, at::TensorOptions().dtype(at::kFloat));
  auto* rows = memory.data_ptr<float>();
  turn(p.a, p.lda, p.m, p.k, rows, width);
  for_columns(p, [&](int64_t first, int64_t count) { kernels->turned({p.b + first * p.ldb, p.ldb, rows, width, p.c + first, p.ldc, count, p.m, p.k}); });
  return true;
}

}  // namespace

void multiply(const Product& p) {
  static const Sgemm sgemm = find_sgemm();
  if (p.m == 0 || p.n == 0 || multiply_thin(p)) return;
  if (sgemm == nullptr || way == kAten || !fits(p.lda) || !fits(p.ldb) || !fits(p.ldc) || !fits(p.m)) {
    multiply_by_aten(p);
    return;
  }
  // BLAS thinks in columns: the row-major product is C^T = op(B)^T op(A)^T.
  const float one = 1.0f;
  sgemm(p.transpose_b ? "T" : "N", p.transpose_a ? "T" : "N", &p.n, &p.m, &p.k, &one, p.b, &p.ldb, p.a, &p.lda, &p.beta, p.c, &p.ldc);
}

}  // namespace vae::products

// For tests of the paths that other machines take, and for benchmarks beside the BLAS. False where this processor cannot run the kernels asked for.
VAE_API int vae_choose_products(int chosen) {
  const auto set = vae::instruction_set();
  const bool can = chosen == vae::products::kThinV4 ? set == vae::InstructionSet::kV4 : chosen != vae::products::kThinV3 || set != vae::InstructionSet::kBase;
  if (can) vae::products::way = chosen;
  return can ? 1 : 0;
}
