// The two register-blocked products behind every convolution, compiled once per instruction set (conv_kernels_body.h) and chosen at load.
// They know nothing of images: rows of a matrix are named by offsets, so the same code reads pixels, kernel taps or channels where they
// lie, without the four to sixteen times larger copy (im2col) that a library's matrix product would need.
#pragma once

#include <cstdint>

namespace vae::conv {

// A run of products: `a` is added to every row's address, `b` to the right operand's.
struct Segment {
  int64_t a, b;
};

// out[i][c] = bias[c] + sum over segments s and k < run of a[row_offset[i] + segments[s].a + k] * right[s * run + k][c]
struct Product {
  const float* a;
  const int64_t* row_offsets;
  const int64_t* out_offsets;
  int64_t rows;
  const Segment* segments;  // .b is not read: `panels` lies in the order of the sum
  int64_t segment_count, run;
  const float* panels;  // see panel_offset
  const float* bias;    // as many floats as the panels have columns, or null for 0
  float* out;
  int64_t columns;
  bool relu;
};

// c[m][j] += sum over segments s and k < run of a[row_offset[m] + segments[s].a + k * a_step] * b[segments[s].b + k * b_step + j].
// c must have room for `rows` rounded up to the row block; the surplus rows receive garbage.
struct OuterSum {
  const float* a;
  const int64_t* row_offsets;
  int64_t rows;
  const Segment* segments;
  int64_t segment_count, run, a_step;
  const float* b;
  int64_t b_step;
  float* c;
  int64_t columns;  // a multiple of the vector; also c's row length
};

// image[offset of patch (row, column)][i] += patches[row][column][i]: kernel_rows rows of `length` floats each.
struct Patches {
  const float* patches;
  int64_t patch_size;  // floats from one patch to the next
  int64_t rows, columns, kernel_rows, length;
  float* image;
  int64_t row_step, column_step, image_row;  // from patch row to patch row, from patch to patch, from image row to image row
};

struct Kernels {
  int64_t vector;     // floats
  int64_t row_block;  // rows of a block; columns of a full panel are two vectors
  void (*product)(const Product&);
  void (*outer_sum)(const OuterSum&);
  void (*add_patches)(const Patches&);
  void (*keep_positive)(float* values, const float* sign, int64_t count);                  // values[i] = sign[i] <= 0 ? 0 : values[i]
  void (*add_rows)(const float* values, int64_t rows, int64_t columns, float* sums);       // sums[c] += values[r][c]
};

extern const Kernels kKernelsBase;
#if defined(__x86_64__)
extern const Kernels kKernelsV3, kKernelsV4;
#endif

// What this processor can run.
const Kernels& kernels();

inline int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// A right operand of `depth` rows lies in panels of two vectors, the last of one vector if that holds the rest; columns beyond the last are 0.
inline int64_t panel_columns(int64_t first_column, int64_t columns, int64_t vector) { return columns - first_column > vector ? 2 * vector : vector; }
inline int64_t panel_offset(int64_t first_column, int64_t depth) { return first_column * depth; }

}  // namespace vae::conv
