// Body of conv_kernels_*.cpp. VAE_VECTOR is the floats of a vector register, VAE_ROWS the rows of a block, VAE_TABLE the table's name.
#include "conv_kernels.h"
#include "kernel_vectors.h"

namespace vae::conv {
namespace {

constexpr int64_t kRows = VAE_ROWS;

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

typedef float UnalignedFour __attribute__((vector_size(16), aligned(4), may_alias));

template <bool Four>
VAE_FORCE_INLINE void add_patches_of(const Patches& job) {
  // Neighbouring patches overlap. Adding them one after the other would load what was stored a moment ago, in other pieces, and wait for
  // the store to finish; so first every n-th patch is added, then its right neighbours, and so on.
  const int64_t length = job.length, size = job.patch_size, columns = job.columns, step = job.column_step;
  const int64_t turns = length > step ? (length + step - 1) / step : 1;
  for (int64_t row = 0; row < job.rows; row++)
    for (int64_t kh = 0; kh < job.kernel_rows; kh++)
      for (int64_t turn = 0; turn < turns; turn++) {
        const float* from = job.patches + (row * columns + turn) * size + kh * length;
        float* to = job.image + row * job.row_step + kh * job.image_row + turn * step;
        for (int64_t column = turn; column < columns; column += turns, from += turns * size, to += turns * step) {
          if (Four) {
            *reinterpret_cast<UnalignedFour*>(to) = *reinterpret_cast<const UnalignedFour*>(to) + *reinterpret_cast<const UnalignedFour*>(from);
          } else {
            for (int64_t i = 0; i < length; i++) to[i] += from[i];
          }
        }
      }
}

void add_patches(const Patches& job) {
  if (job.length == 4) add_patches_of<true>(job); else add_patches_of<false>(job);
}

void finish_row(const float* from, const float* bias, int64_t pixels, int64_t channels, bool relu, float* to) {
  for (int64_t c = 0; c < channels; c++) {
    const float b = bias ? bias[c] : 0.0f;
#pragma GCC ivdep
    for (int64_t w = 0; w < pixels; w++) {
      const float value = from[w * channels + c] + b;
      to[w * channels + c] = relu && value < 0.0f ? 0.0f : value;
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

// The transformations of minimal filtering in one dimension.
template <int M>
struct Filter;

template <>
struct Filter<2> {
  static VAE_FORCE_INLINE void values(const Vector (&d)[3], Vector (&out)[3]) {
    out[0] = d[0] - d[1];
    out[1] = d[1];
    out[2] = d[2] - d[1];
  }
  static VAE_FORCE_INLINE void factors(const Vector (&e)[2], Vector (&out)[3]) {
    out[0] = e[0];
    out[1] = e[0] + e[1];
    out[2] = e[1];
  }
  static VAE_FORCE_INLINE void results(const Vector (&p)[3], Vector (&y)[2]) {
    y[0] = p[0] + p[1];
    y[1] = p[1] + p[2];
  }
  static VAE_FORCE_INLINE void taps(const Vector (&g)[2], Vector (&out)[3]) { factors(g, out); }
  static VAE_FORCE_INLINE void collect_taps(const Vector (&p)[3], Vector (&g)[2]) { results(p, g); }
};

// Polynomials through the points a, -a, b, -b and infinity. With a = 1/2 and b = 5/4 rounding errors are half of those of the usual points 0,
// 1, -1, 1/2 (measured), and pairs of points share their even and odd parts. What makes the values fractions is moved into the taps.
template <>
struct Filter<4> {
  static constexpr float kA = 0.5f, kB = 1.25f, kAA = kA * kA, kBB = kB * kB;
  static constexpr float kScaleA = 1 / (2 * kA * (kAA - kBB)), kScaleB = 1 / (2 * kB * (kBB - kAA));

  static VAE_FORCE_INLINE void values(const Vector (&d)[5], Vector (&out)[5]) {
    const Vector even_a = kA * (d[2] - kBB * d[0]), odd_a = d[3] - kBB * d[1], even_b = kB * (d[2] - kAA * d[0]), odd_b = d[3] - kAA * d[1];
    out[0] = even_a + odd_a;
    out[1] = even_a - odd_a;
    out[2] = even_b + odd_b;
    out[3] = even_b - odd_b;
    out[4] = d[4] - (kAA + kBB) * d[2] + kAA * kBB * d[0];
  }
  static VAE_FORCE_INLINE void factors(const Vector (&e)[4], Vector (&out)[5]) {
    const Vector even_a = e[0] + kAA * e[2], odd_a = kA * (e[1] + kAA * e[3]), even_b = e[0] + kBB * e[2], odd_b = kB * (e[1] + kBB * e[3]);
    out[0] = even_a + odd_a;
    out[1] = even_a - odd_a;
    out[2] = even_b + odd_b;
    out[3] = even_b - odd_b;
    out[4] = e[3];
  }
  static VAE_FORCE_INLINE void results(const Vector (&p)[5], Vector (&y)[4]) {
    const Vector sum_a = p[0] + p[1], difference_a = kA * (p[0] - p[1]), sum_b = p[2] + p[3], difference_b = kB * (p[2] - p[3]);
    y[0] = sum_a + sum_b;
    y[1] = difference_a + difference_b;
    y[2] = kAA * sum_a + kBB * sum_b;
    y[3] = kAA * difference_a + kBB * difference_b + p[4];
  }
  static VAE_FORCE_INLINE void taps(const Vector (&g)[2], Vector (&out)[5]) {
    const Vector even_a = kScaleA * g[0], odd_a = kScaleA * kA * g[1], even_b = kScaleB * g[0], odd_b = kScaleB * kB * g[1];
    out[0] = even_a + odd_a;
    out[1] = even_a - odd_a;
    out[2] = even_b + odd_b;
    out[3] = even_b - odd_b;
    out[4] = g[1];
  }
  static VAE_FORCE_INLINE void collect_taps(const Vector (&p)[5], Vector (&g)[2]) {
    g[0] = kScaleA * (p[0] + p[1]) + kScaleB * (p[2] + p[3]);
    g[1] = kScaleA * kA * (p[0] - p[1]) + kScaleB * kB * (p[2] - p[3]) + p[4];
  }
};

// Two dimensions: first down each column, then along each row. `In` values become `Out`.
template <int In, int Out, void (*Transform)(const Vector (&)[In], Vector (&)[Out])>
VAE_FORCE_INLINE void both_ways(const Vector (&in)[In][In], Vector (&out)[Out][Out]) {
  Vector half[Out][In];
#pragma GCC unroll 5
  for (int j = 0; j < In; j++) {
    Vector column[In], result[Out];
#pragma GCC unroll 5
    for (int i = 0; i < In; i++) column[i] = in[i][j];
    Transform(column, result);
#pragma GCC unroll 5
    for (int i = 0; i < Out; i++) half[i][j] = result[i];
  }
#pragma GCC unroll 5
  for (int i = 0; i < Out; i++) Transform(half[i], out[i]);
}

template <int N>
VAE_FORCE_INLINE void load_square(const float* from, int64_t row, int64_t column, Vector (&square)[N][N]) {
#pragma GCC unroll 5
  for (int i = 0; i < N; i++)
#pragma GCC unroll 5
    for (int j = 0; j < N; j++) square[i][j] = load(from + i * row + j * column);
}

template <int N>
VAE_FORCE_INLINE void store_planes(float* to, int64_t plane, const Vector (&square)[N][N]) {
#pragma GCC unroll 5
  for (int i = 0; i < N; i++)
#pragma GCC unroll 5
    for (int j = 0; j < N; j++) store(to + (N * i + j) * plane, square[i][j]);
}

template <int In, int Out, void (*Transform)(const Vector (&)[In], Vector (&)[Out])>
VAE_FORCE_INLINE void spread(const Tiles& job) {
  for (int64_t t = 0; t < job.count; t++) {
    const float* from = job.source + job.offsets[t];
    float* to = job.target + t * job.target_step;
    for (int64_t c = 0; c < job.run; c += kVector) {
      Vector in[In][In], out[Out][Out];
      load_square(from + c, job.row, job.column, in);
      both_ways<In, Out, Transform>(in, out);
      store_planes(to + c, job.plane, out);
    }
  }
}

template <int M>
void spread_values(const Tiles& job) {
  spread<M + 1, M + 1, Filter<M>::values>(job);
}

template <int M>
void spread_factors(const Tiles& job) {
  spread<M, M + 1, Filter<M>::factors>(job);
}

template <int M>
void collect(const Results& job) {
  for (int64_t t = 0; t < job.count; t++) {
    const TileTarget& target = job.targets[t];
    for (int64_t c = 0; c < job.channels; c += kVector) {
      const Vector bias = job.bias ? load(job.bias + c) : Vector{};
      Vector in[M + 1][M + 1], y[M][M];
      load_square(job.source + t * job.channels + c, (M + 1) * job.plane, job.plane, in);
      both_ways<M + 1, M, Filter<M>::results>(in, y);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++)
#pragma GCC unroll 4
        for (int j = 0; j < M; j++) {
          Vector value = y[i][j] + bias;
          if (job.relu) value = value < 0.0f ? Vector{} : value;
          if (i < target.rows && j < target.columns) store(job.target + target.offset + i * job.row + j * job.column + c, value);
        }
    }
  }
}

// Parity p of tap (i, j) is tap (2 i + p / 2, 2 j + p % 2) of the 4 x 4.
VAE_FORCE_INLINE int64_t first_tap(int64_t parity) { return parity / 2 * 4 + parity % 2; }

template <int M>
void spread_taps(const float* taps, int64_t count, float* target, int64_t parity, int64_t plane) {
  for (int64_t c = 0; c < count; c += kVector)
    for (int64_t p = 0; p < 4; p++) {
      Vector in[2][2], out[M + 1][M + 1];
      load_square(taps + first_tap(p) * count + c, 8 * count, 2 * count, in);
      both_ways<2, M + 1, Filter<M>::taps>(in, out);
      store_planes(target + p * parity + c, plane, out);
    }
}

template <int M>
void collect_taps(const float* source, int64_t parity, int64_t plane, int64_t count, float* taps) {
  for (int64_t c = 0; c < count; c += kVector)
    for (int64_t p = 0; p < 4; p++) {
      Vector in[M + 1][M + 1], out[2][2];
      load_square(source + p * parity + c, (M + 1) * plane, plane, in);
      both_ways<M + 1, 2, Filter<M>::collect_taps>(in, out);
      float* first = taps + first_tap(p) * count + c;
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) store(first + (8 * i + 2 * j) * count, out[i][j]);
    }
}

template <int M>
constexpr TileKernels tile_kernels() {
  return {spread_values<M>, spread_factors<M>, collect<M>, spread_taps<M>, collect_taps<M>};
}

}  // namespace

extern const Kernels VAE_TABLE = {kVector, kRows, product, outer_sum, add_patches, finish_row, keep_positive, add_rows, tile_kernels<2>(), tile_kernels<4>()};

}  // namespace vae::conv
