// Body of conv_kernels_*.cpp. VAE_VECTOR is the floats of a vector register, VAE_ROWS the rows of a block, VAE_TABLE the table's name.
// No standard header may be included after the compiler was told to use wider instructions: an inline function compiled for them could be
// the one that the linker keeps for everybody.
#include "conv_kernels.h"

namespace vae::conv {
namespace {

typedef float Vector __attribute__((vector_size(VAE_VECTOR * 4)));
typedef float Unaligned __attribute__((vector_size(VAE_VECTOR * 4), aligned(4), may_alias));

#define VAE_FORCE_INLINE inline __attribute__((always_inline))

constexpr int64_t kVector = VAE_VECTOR, kRows = VAE_ROWS;

VAE_FORCE_INLINE Vector load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
VAE_FORCE_INLINE void store(float* p, Vector v) { *reinterpret_cast<Unaligned*>(p) = v; }

// The block of accumulators stays in registers over the whole sum. Each step takes one or two vectors of the right operand and one number
// of each row; on a processor with one multiply-add of this width per cycle that is all it can do.
template <int Vectors, bool UnitStep>
VAE_FORCE_INLINE void accumulate(Vector (&sums)[kRows][Vectors], const float* const (&rows)[kRows], const Segment* segments, int64_t segment_count, int64_t run,
                                 int64_t a_step, const float* b, int64_t b_step) {
  for (int64_t s = 0; s < segment_count; s++) {
    int64_t at = segments[s].a;
    const float* right = UnitStep ? b : b + segments[s].b;
#pragma GCC unroll 2
    for (int64_t k = 0; k < run; k++) {
      Vector w[Vectors];
      for (int v = 0; v < Vectors; v++) w[v] = load(right + v * kVector);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; m++)
        for (int v = 0; v < Vectors; v++) sums[m][v] += w[v] * rows[m][at];
      at += UnitStep ? 1 : a_step;
      right += UnitStep ? Vectors * kVector : b_step;
    }
    if (UnitStep) b = right;
  }
}

template <int Vectors>
VAE_FORCE_INLINE void product_panel(const Product& job, int64_t column) {
  const float* panel = job.panels + panel_offset(column, job.segment_count * job.run);
  const int64_t left = job.columns - column;
  Vector bias[Vectors];
  for (int v = 0; v < Vectors; v++) bias[v] = job.bias ? load(job.bias + column + v * kVector) : Vector{};
  for (int64_t first = 0; first < job.rows; first += kRows) {
    const float* rows[kRows];
    float* out[kRows];
    for (int64_t m = 0; m < kRows; m++) {
      // A last block that is not full computes its last row several times.
      const int64_t row = first + m < job.rows ? first + m : job.rows - 1;
      rows[m] = job.a + job.row_offsets[row];
      out[m] = job.out + job.out_offsets[row] + column;
    }
    Vector sums[kRows][Vectors];
#pragma GCC unroll 16
    for (int m = 0; m < kRows; m++)
      for (int v = 0; v < Vectors; v++) sums[m][v] = bias[v];
    accumulate<Vectors, true>(sums, rows, job.segments, job.segment_count, job.run, 1, panel, 0);
    if (job.relu) {
#pragma GCC unroll 16
      for (int m = 0; m < kRows; m++)
        for (int v = 0; v < Vectors; v++) sums[m][v] = sums[m][v] < 0.0f ? Vector{} : sums[m][v];  // NaN stays: a diverged trial must be seen.
    }
    if (left >= Vectors * kVector) {
#pragma GCC unroll 16
      for (int m = 0; m < kRows; m++)
        for (int v = 0; v < Vectors; v++) store(out[m] + v * kVector, sums[m][v]);
    } else {
      float spill[kRows][Vectors * kVector];
#pragma GCC unroll 16
      for (int m = 0; m < kRows; m++)
        for (int v = 0; v < Vectors; v++) store(&spill[m][v * kVector], sums[m][v]);
      for (int m = 0; m < kRows; m++)
        for (int64_t j = 0; j < left; j++) out[m][j] = spill[m][j];
    }
  }
}

void product(const Product& job) {
  for (int64_t column = 0; column < job.columns; column += 2 * kVector) {
    if (panel_columns(column, job.columns, kVector) > kVector) product_panel<2>(job, column); else product_panel<1>(job, column);
  }
}

template <int Vectors>
VAE_FORCE_INLINE void outer_block(const OuterSum& job, int64_t first, int64_t column, const Segment* segments, int64_t segment_count) {
  const float* rows[kRows];
  for (int64_t m = 0; m < kRows; m++) rows[m] = job.a + job.row_offsets[first + m < job.rows ? first + m : job.rows - 1];
  float* c = job.c + first * job.columns + column;
  Vector sums[kRows][Vectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; m++)
    for (int v = 0; v < Vectors; v++) sums[m][v] = Vector{};
  accumulate<Vectors, false>(sums, rows, segments, segment_count, job.run, job.a_step, job.b + column, job.b_step);
#pragma GCC unroll 16
  for (int m = 0; m < kRows; m++)
    for (int v = 0; v < Vectors; v++) store(c + m * job.columns + v * kVector, load(c + m * job.columns + v * kVector) + sums[m][v]);
}

// The sum is cut so that what all blocks read again stays in the first-level cache. Adding sums of pieces also rounds less than one long sum.
constexpr int64_t kSumBlock = 128;

void outer_sum(const OuterSum& job) {
  const int64_t step = job.run >= kSumBlock ? 1 : (kSumBlock + job.run - 1) / (job.run > 0 ? job.run : 1);
  for (int64_t s = 0; s < job.segment_count; s += step) {
    const int64_t count = s + step < job.segment_count ? step : job.segment_count - s;
    for (int64_t column = 0; column < job.columns; column += 2 * kVector)
      for (int64_t first = 0; first < job.rows; first += kRows) {
        if (job.columns - column > kVector) outer_block<2>(job, first, column, job.segments + s, count); else outer_block<1>(job, first, column, job.segments + s, count);
      }
  }
}

typedef float Four __attribute__((vector_size(16)));
typedef float UnalignedFour __attribute__((vector_size(16), aligned(4), may_alias));

void add_patches(const Patches& job) {
  // Neighbouring patches overlap. Adding them one after the other would load what was stored a moment ago, in other pieces, and wait for
  // the store to finish; so first every n-th patch is added, then its right neighbours, and so on.
  const int64_t turns = job.length > job.column_step ? (job.length + job.column_step - 1) / job.column_step : 1;
  for (int64_t row = 0; row < job.rows; row++)
    for (int64_t kh = 0; kh < job.kernel_rows; kh++)
      for (int64_t turn = 0; turn < turns; turn++)
        for (int64_t column = turn; column < job.columns; column += turns) {
          const float* from = job.patches + (row * job.columns + column) * job.patch_size + kh * job.length;
          float* to = job.image + row * job.row_step + kh * job.image_row + column * job.column_step;
          if (job.length == 4) {
            const Four sum = *reinterpret_cast<const UnalignedFour*>(to) + *reinterpret_cast<const UnalignedFour*>(from);
            *reinterpret_cast<UnalignedFour*>(to) = sum;
          } else {
            for (int64_t i = 0; i < job.length; i++) to[i] += from[i];
          }
        }
}

void keep_positive(float* values, const float* sign, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) values[i] = sign[i] <= 0.0f ? 0.0f : values[i];
}

void add_rows(const float* values, int64_t rows, int64_t columns, float* sums) {
  int64_t c = 0;
  for (; c + kVector <= columns; c += kVector) {
    Vector sum[4] = {load(sums + c), Vector{}, Vector{}, Vector{}};
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int i = 0; i < 4; i++) sum[i] += load(values + (r + i) * columns + c);
    for (; r < rows; r++) sum[0] += load(values + r * columns + c);
    store(sums + c, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  for (; c < columns; c++) {
    float sum = sums[c];
    for (int64_t r = 0; r < rows; r++) sum += values[r * columns + c];
    sums[c] = sum;
  }
}

}  // namespace

extern const Kernels VAE_TABLE = {kVector, kRows, product, outer_sum, add_patches, keep_positive, add_rows};

}  // namespace vae::conv
