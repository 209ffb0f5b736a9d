// Body of thin_kernels_*.cpp. VAE_VECTOR is the floats of a vector register, VAE_ROWS the rows of a full block, VAE_TABLE the table's name.
#include "thin_kernels.h"
#include "kernel_vectors.h"

namespace vae::thin {
namespace {

// Rows of b that are gone through at once: with the two vectors of a block they stay in the first-level cache for all rows of a.
constexpr int64_t kDepth = 128;

template <int N>
struct Number {
  static constexpr int value = N;
};

template <int Rows, int Vectors>
struct Block {
  Vector sums[Rows][Vectors];

  VAE_FORCE_INLINE Block() {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++)
      for (int v = 0; v < Vectors; v++) sums[i][v] = Vector{};
  }

  VAE_FORCE_INLINE Block(const float* c, int64_t c_row) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++)
      for (int v = 0; v < Vectors; v++) sums[i][v] = load(c + i * c_row + v * kVector);
  }

  // The results stay in registers over the whole sum.
  VAE_FORCE_INLINE void add(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t depth) {
#pragma GCC unroll 2
    for (int64_t k = 0; k < depth; k++, b += b_row) {
      Vector right[Vectors];
      for (int v = 0; v < Vectors; v++) right[v] = load(b + v * kVector);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; i++)
        for (int v = 0; v < Vectors; v++) sums[i][v] += right[v] * a[i * a_row + k];
    }
  }

  VAE_FORCE_INLINE void write(float* c, int64_t c_row) const {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++)
      for (int v = 0; v < Vectors; v++) store(c + i * c_row + v * kVector, sums[i][v]);
  }
};

template <int Rows, class Body>
VAE_FORCE_INLINE int64_t blocks_of(int64_t row, int64_t rows, const Body& body) {
  for (; row + Rows <= rows; row += Rows) body(Number<Rows>(), row);
  return row;
}

// Calls body(Number<height>, row) for full blocks, then for the largest that fit into what is left: together all rows, none twice.
template <class Body>
VAE_FORCE_INLINE void for_rows(int64_t rows, const Body& body) {
  int64_t row = blocks_of<VAE_ROWS>(0, rows, body);
  if constexpr (VAE_ROWS > 8) row = blocks_of<8>(row, rows, body);
  row = blocks_of<4>(row, rows, body);
  row = blocks_of<2>(row, rows, body);
  blocks_of<1>(row, rows, body);
}

// Calls body(Number<vectors>, column) for the columns that fill two vectors or one; returns the first that is left.
template <class Body>
VAE_FORCE_INLINE int64_t for_columns(int64_t columns, const Body& body) {
  int64_t column = blocks_of<2 * VAE_VECTOR>(0, columns, [&](auto, int64_t at) { body(Number<2>(), at); });
  return blocks_of<VAE_VECTOR>(column, columns, [&](auto, int64_t at) { body(Number<1>(), at); });
}

template <int Rows, int Vectors>
void turned_block(const Sum& job, int64_t row, int64_t column) {
  Block<Rows, Vectors> block;
  block.add(job.a + row * job.a_row, job.a_row, job.b + column, job.b_row, job.depth);
  float spill[Rows][Vectors * kVector];
  block.write(spill[0], Vectors * kVector);
  const int64_t left = job.columns - column, count = left < Vectors * kVector ? left : Vectors * kVector;
  float* to = job.c + column * job.c_row + row;
  for (int64_t j = 0; j < count; j++, to += job.c_row)
    for (int i = 0; i < Rows; i++) to[i] = spill[i][j];
}

void turned(const Sum& job) {
  const int64_t whole = (job.columns + kVector - 1) / kVector * kVector;
  for_rows(job.rows, [&](auto rows, int64_t row) {
    for_columns(whole, [&](auto vectors, int64_t column) { turned_block<decltype(rows)::value, decltype(vectors)::value>(job, row, column); });
  });
}

template <int Rows, int Vectors>
void along_block(const Sum& job, const float* a, const float* b, int64_t b_row, float* c, int64_t c_row, int64_t depth, bool first) {
  auto block = first ? Block<Rows, Vectors>() : Block<Rows, Vectors>(c, c_row);
  block.add(a, job.a_row, b, b_row, depth);
  block.write(c, c_row);
}

// Columns from `column` to the end, fewer than a vector: through copies that have whole ones.
void along_rest(const Sum& job, int64_t column, int64_t begin, int64_t depth) {
  const int64_t count = job.columns - column;
  float right[kDepth * kVector], results[VAE_ROWS * kVector];
  for (int64_t k = 0; k < depth; k++)
    for (int64_t j = 0; j < kVector; j++) right[k * kVector + j] = j < count ? job.b[(begin + k) * job.b_row + column + j] : 0.0f;
  for_rows(job.rows, [&](auto rows, int64_t row) {
    constexpr int kRows = decltype(rows)::value;
    float* c = job.c + row * job.c_row + column;
    for (int i = 0; i < kRows; i++)
      for (int64_t j = 0; j < kVector; j++) results[i * kVector + j] = begin > 0 && j < count ? c[i * job.c_row + j] : 0.0f;
    along_block<kRows, 1>(job, job.a + row * job.a_row + begin, right, kVector, results, kVector, depth, begin == 0);
    for (int i = 0; i < kRows; i++)
      for (int64_t j = 0; j < count; j++) c[i * job.c_row + j] = results[i * kVector + j];
  });
}

void along(const Sum& job) {
  for (int64_t begin = 0; begin < job.depth; begin += kDepth) {
    const int64_t depth = job.depth - begin < kDepth ? job.depth - begin : kDepth;
    const int64_t rest = for_columns(job.columns, [&](auto vectors, int64_t column) {
      for_rows(job.rows, [&](auto rows, int64_t row) {
        along_block<decltype(rows)::value, decltype(vectors)::value>(job, job.a + row * job.a_row + begin, job.b + begin * job.b_row + column, job.b_row,
                                                                     job.c + row * job.c_row + column, job.c_row, depth, begin == 0);
      });
    });
    if (rest < job.columns) along_rest(job, rest, begin, depth);
  }
}

}  // namespace

extern const Kernels VAE_TABLE = {kVector, turned, along};

}  // namespace vae::thin
