// The passes for kernels of 4 x 4 and stride 2, with nine products in place of sixteen (Tiles in conv_kernels.h). The rounding of the few
// additions around them is that of the sums themselves.
#pragma once

#include "conv_workspace.h"

namespace vae::conv {

class TilePasses {
 public:
  // Whether the kernel is the right one, the channels fill vectors, and the tiles at the edges are not mostly waste.
  static bool fit(const Geometry& geometry, const Kernels& kernels);

  // Enlarges the scratch images to whole tiles.
  TilePasses(const Geometry& geometry, const Kernels& kernels, Layout& layout);

  int64_t images_at_once() const;

  int64_t panel_size() const { return kPlanes * kParities * g_.cx * g_.cy; }
  void pack_for_features(const float* weight, float* panels) const;
  void pack_for_image(const float* weight, float* panels) const;
  int64_t gradient_size() const { return kPlanes * gradient_plane(); }
  void add_gradient(const float* sums, float* gradient) const;

  void to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums, int64_t count) const;
  void to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const;

 private:
  static constexpr int64_t kPlanes = 9, kParities = 4, kTaps = 16;
  static constexpr int64_t kTilesAtOnce = 64;  // Enough rows for a product, few enough for all planes to stay in the second-level cache.

  // The image rows (or columns) first, first + 2, ... see the feature rows around step, step + 1, ...; there are `count` of them.
  struct Parity {
    int64_t first, step, count;
    int64_t tiles() const { return (count + 1) / 2; }
  };
  Parity parity(int64_t r, int64_t size) const;
  int64_t gradient_plane() const { return round_up(kParities * g_.cx, kernels_.row_block) * g_.cy; }
  void multiply(Workspace& work, const float* values, int64_t tiles, int64_t depth, const float* panels, int64_t columns, float* products) const;

  Geometry g_;
  const Kernels& kernels_;
  Layout l_;
  int64_t tile_rows_, tile_columns_;  // of the feature side
};

}  // namespace vae::conv
