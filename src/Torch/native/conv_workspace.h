// What the passes of a convolution speak about: its sizes, how scratch memory is laid out, and the memory itself.
#pragma once

#include <cstdint>
#include <vector>

#include "conv_kernels.h"

namespace vae::conv {

struct Geometry {
  int64_t cx, height, width;          // image side
  int64_t cy, out_height, out_width;  // feature side
  int64_t kernel_height, kernel_width, stride, padding;
};

// Of one image in scratch memory, channels last: the image side with `padding` rows and columns before it, the feature side with `border`
// rows and columns all round and its channels rounded up to vectors.
struct Layout {
  int64_t image_rows, image_columns;
  int64_t border, feature_rows, feature_columns, feature_channels;
};

// Memory that grows to the largest need and is kept: a training step allocates nothing after the first one.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  float* floats(int64_t count);

 private:
  float* memory_ = nullptr;
  int64_t capacity_ = 0;
};

// Per thread: what the passes need between them.
struct Workspace {
  Scratch image, features, patches, row, values, factors, products;
  std::vector<int64_t> from, to, rows;
  std::vector<Segment> segments;
  std::vector<TileTarget> targets;
};

}  // namespace vae::conv
