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
#pragma GCC ivdep
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

void spread_values(const Tiles& job) {
  for (int64_t t = 0; t < job.count; t++) {
    const float* from = job.source + job.offsets[t];
    float* to = job.target + t * job.target_step;
    for (int64_t c = 0; c < job.run; c += kVector) {
      Vector rows[3][3];
#pragma GCC unroll 3
      for (int j = 0; j < 3; j++) {
        const float* at = from + j * job.column + c;
        const Vector middle = load(at + job.row);
        rows[0][j] = load(at) - middle;
        rows[1][j] = middle;
        rows[2][j] = load(at + 2 * job.row) - middle;
      }
#pragma GCC unroll 3
      for (int i = 0; i < 3; i++) {
        float* plane = to + 3 * i * job.plane + c;
        store(plane, rows[i][0] - rows[i][1]);
        store(plane + job.plane, rows[i][1]);
        store(plane + 2 * job.plane, rows[i][2] - rows[i][1]);
      }
    }
  }
}

void spread_factors(const Tiles& job) {
  for (int64_t t = 0; t < job.count; t++) {
    const float* from = job.source + job.offsets[t];
    float* to = job.target + t * job.target_step;
    for (int64_t c = 0; c < job.run; c += kVector) {
      const Vector g00 = load(from + c), g01 = load(from + job.column + c), g10 = load(from + job.row + c), g11 = load(from + job.row + job.column + c);
      const Vector rows[3][2] = {{g00, g01}, {g00 + g10, g01 + g11}, {g10, g11}};
#pragma GCC unroll 3
      for (int i = 0; i < 3; i++) {
        float* plane = to + 3 * i * job.plane + c;
        store(plane, rows[i][0]);
        store(plane + job.plane, rows[i][0] + rows[i][1]);
        store(plane + 2 * job.plane, rows[i][1]);
      }
    }
  }
}

VAE_FORCE_INLINE void sum_planes(const float* from, int64_t plane, Vector (&y)[2][2]) {
  Vector rows[3][2];
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    const Vector middle = load(from + (3 * i + 1) * plane);
    rows[i][0] = load(from + 3 * i * plane) + middle;
    rows[i][1] = middle + load(from + (3 * i + 2) * plane);
  }
  for (int j = 0; j < 2; j++) {
    y[0][j] = rows[0][j] + rows[1][j];
    y[1][j] = rows[1][j] + rows[2][j];
  }
}

void collect(const Results& job) {
  for (int64_t t = 0; t < job.count; t++) {
    const TileTarget& target = job.targets[t];
    for (int64_t c = 0; c < job.channels; c += kVector) {
      Vector y[2][2];
      sum_planes(job.source + t * job.channels + c, job.plane, y);
      const Vector bias = job.bias ? load(job.bias + c) : Vector{};
      for (int i = 0; i < target.rows; i++)
        for (int j = 0; j < target.columns; j++) {
          const Vector value = y[i][j] + bias;
          store(job.target + target.offset + i * job.row + j * job.column + c, job.relu ? (value < 0.0f ? Vector{} : value) : value);
        }
    }
  }
}

void spread_taps(const float* taps, int64_t count, float* spread, int64_t parity, int64_t plane) {
  for (int64_t c = 0; c < count; c += kVector)
    for (int64_t p = 0; p < 4; p++) {
      const float* first = taps + (p / 2 * 4 + p % 2) * count + c;
      const Vector g00 = load(first), g01 = load(first + 2 * count), g10 = load(first + 8 * count), g11 = load(first + 10 * count);
      const Vector rows[3][2] = {{g00, g01}, {g00 + g10, g01 + g11}, {g10, g11}};
      for (int i = 0; i < 3; i++) {
        float* to = spread + p * parity + 3 * i * plane + c;
        store(to, rows[i][0]);
        store(to + plane, rows[i][0] + rows[i][1]);
        store(to + 2 * plane, rows[i][1]);
      }
    }
}

void collect_taps(const float* spread, int64_t parity, int64_t plane, int64_t count, float* taps) {
  for (int64_t c = 0; c < count; c += kVector)
    for (int64_t p = 0; p < 4; p++) {
      Vector y[2][2];
      sum_planes(spread + p * parity + c, plane, y);
      float* first = taps + (p / 2 * 4 + p % 2) * count + c;
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) store(first + (8 * i + 2 * j) * count, y[i][j]);
    }
}

}  // namespace

extern const Kernels VAE_TABLE = {kVector,       kRows,          product, outer_sum,   add_patches, keep_positive, add_rows,
                                  spread_values, spread_factors, collect, spread_taps, collect_taps};

}  // namespace vae::conv
