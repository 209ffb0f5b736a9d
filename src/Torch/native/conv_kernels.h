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

// Minimal filtering (Winograd 1980): m results of a filter of two taps, y[i] = g[0] d[i] + g[1] d[i+1], cost 2 m products, or m + 1 after a few
// additions:
//   m = 2:  p0 = g0 (d0 - d1)   p1 = (g0 + g1) d1   p2 = g1 (d2 - d1);   y0 = p0 + p1, y1 = p1 + p2
//   m = 4:  the same by polynomials through five points
// In two dimensions 9 products do for 16 and 25 for 64. A tile is (m+1) x (m+1) values d for m x m results; the products of all tiles and
// channels are one matrix product for each of the (m+1)^2 planes. `plane` is the distance of two planes in floats.
struct Tiles {
  const float* source;
  const int64_t* offsets;  // of a tile's first value in source
  int64_t count, row, column;  // steps to the value below and to the right
  int64_t run;             // channels, a multiple of the vector
  float* target;
  int64_t target_step, plane;  // from tile to tile, from plane to plane
};

// Where the m x m results of a tile go; at an odd edge only some of them exist.
struct TileTarget {
  int64_t offset;
  int32_t rows, columns;
};

struct Results {
  const float* source;  // the planes
  int64_t plane, count, channels;
  float* target;
  const TileTarget* targets;
  int64_t row, column;
  const float* bias;  // or null
  bool relu;
};

struct TileKernels {
  void (*spread_values)(const Tiles&);   // d to its planes
  void (*spread_factors)(const Tiles&);  // m x m factors to planes, for the gradient of the taps: the sum over tiles of d times these
  void (*collect)(const Results&);       // planes to y
  // A 4 x 4 kernel of stride 2 is four kernels of 2 x 2 taps, one for each parity of row and column. taps is [16][count]; the value of
  // parity p (0 .. 3) and plane q lies at spread + p * parity + q * plane.
  void (*spread_taps)(const float* taps, int64_t count, float* spread, int64_t parity, int64_t plane);
  void (*collect_taps)(const float* spread, int64_t parity, int64_t plane, int64_t count, float* taps);
};

struct Kernels {
  int64_t vector;     // floats
  int64_t row_block;  // rows of a block; columns of a full panel are two vectors
  void (*product)(const Product&);
  void (*outer_sum)(const OuterSum&);
  void (*add_patches)(const Patches&);
  void (*finish_row)(const float* from, const float* bias, int64_t pixels, int64_t channels, bool relu, float* to);  // bias may be null
  void (*keep_positive)(float* values, const float* sign, int64_t count);             // values[i] = sign[i] <= 0 ? 0 : values[i]
  void (*add_rows)(const float* values, int64_t rows, int64_t columns, float* sums);  // sums[c] += values[r][c]
  TileKernels tiles_of_two, tiles_of_four;                                            // m = 2 and m = 4
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
