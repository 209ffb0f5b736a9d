// The passes for kernels of 4 x 4 and stride 2 by minimal filtering (Tiles in conv_kernels.h): 25 products in place of 64, or 9 in place of 16.
// Errors stay below 3e-6 of the largest value (tests/Training/Torch), about twice those of the plain sums.
#pragma once

#include "conv_workspace.h"

namespace vae::conv {

class TilePasses {
 public:
  // Results in a row of a tile, 4 or 2; 0 where the kernel is another one, the channels do not fill vectors, or the tiles would be mostly edge.
  static int64_t fit(const Geometry& geometry, const Kernels& kernels);

  // Enlarges the scratch images to whole tiles.
  TilePasses(const Geometry& geometry, const Kernels& kernels, int64_t tile, Layout& layout);

  int64_t images_at_once() const { return tiles_at_once() > tile_rows_ * tile_columns_ ? tiles_at_once() / (tile_rows_ * tile_columns_) : 1; }

  int64_t panel_size() const { return planes_ * kParities * g_.cx * g_.cy; }
  void pack_for_features(const float* weight, float* panels) const;
  void pack_for_image(const float* weight, float* panels) const;
  int64_t gradient_size() const { return planes_ * gradient_plane(); }
  void add_gradient(const float* sums, float* gradient) const;

  void to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums, int64_t count) const;
  void to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const;

 private:
  static constexpr int64_t kParities = 4, kTaps = 16;
  int64_t tiles_at_once() const { return tile_ == 4 ? 32 : 64; }  // Enough rows for a product, few enough for all planes to stay in the second-level cache.

  // The image rows (or columns) first, first + 2, ... see the feature rows around step, step + 1, ...; there are `count` of them.
  struct Parity {
    int64_t first, step, count;
  };
  Parity parity(int64_t r, int64_t size) const;
  int64_t gradient_plane() const { return round_up(kParities * g_.cx, kernels_.row_block) * g_.cy; }
  void multiply(Workspace& work, const float* values, int64_t tiles, int64_t depth, const float* panels, int64_t columns, float* products) const;

  Geometry g_;
  const Kernels& kernels_;
  const TileKernels& tile_kernels_;
  Layout l_;
  int64_t tile_, planes_;
  int64_t tile_rows_, tile_columns_;  // of the feature side
};

}  // namespace vae::conv
