#include "conv_tiles.h"

#include <algorithm>

namespace vae::conv {

namespace {

// Edges may cost this many products for one that is needed before the plain way is faster: it needs 16 for 9.
constexpr double kWasteMax = 1.5;

int64_t half(int64_t value) { return (value + 1) / 2; }

// taps[t][j] = from[j * step + t]: sixteen taps of `count` channels, channels last.
void load_taps(const float* from, int64_t step, int64_t count, float* taps) {
  for (int64_t j = 0; j < count; j++)
    for (int64_t t = 0; t < 16; t++) taps[t * count + j] = from[j * step + t];
}

}  // namespace

bool TilePasses::fit(const Geometry& g, const Kernels& kernels) {
  if (g.stride != 2 || g.kernel_height != 4 || g.kernel_width != 4 || g.cx % kernels.vector != 0 || g.cy % kernels.vector != 0) return false;
  return static_cast<double>(4 * half(g.out_height) * half(g.out_width)) <= kWasteMax * static_cast<double>(g.out_height * g.out_width);
}

TilePasses::TilePasses(const Geometry& geometry, const Kernels& kernels, Layout& layout)
    : g_(geometry), kernels_(kernels), tile_rows_(half(geometry.out_height)), tile_columns_(half(geometry.out_width)) {
  layout.image_rows = std::max(layout.image_rows, 4 * tile_rows_ + 2);
  layout.image_columns = std::max(layout.image_columns, 4 * tile_columns_ + 2);
  for (int64_t r = 0; r < 2; r++) {
    const auto rows = parity(r, g_.height), columns = parity(r, g_.width);
    // The last tile reads one feature row beyond its two results.
    layout.border = std::max({layout.border, int64_t{1}, rows.step + 2 * rows.tiles() - g_.out_height, columns.step + 2 * columns.tiles() - g_.out_width});
  }
  layout.feature_rows = g_.out_height + 2 * layout.border;
  layout.feature_columns = g_.out_width + 2 * layout.border;
  l_ = layout;
}

int64_t TilePasses::images_at_once() const { return std::max<int64_t>(1, kTilesAtOnce / (tile_rows_ * tile_columns_)); }

// Image row h lies at h + padding = 2 q + r of the padded image and sees the feature rows q (tap r) and q - 1 (tap r + 2).
TilePasses::Parity TilePasses::parity(int64_t r, int64_t size) const {
  const int64_t first = (r + g_.padding) % 2, step = (first + g_.padding) / 2;
  return {first, step, first < size ? (size - first + 1) / 2 : 0};
}

void TilePasses::pack_for_features(const float* weight, float* panels) const {
  const int64_t cx = g_.cx, cy = g_.cy, depth = kParities * cx, vector = kernels_.vector;
  float taps[kTaps * 32];
  for (int64_t first = 0; first < cy; first += 2 * vector) {
    const int64_t width = std::min(panel_columns(first, cy, vector), cy - first);
    for (int64_t x = 0; x < cx; x++) {
      load_taps(weight + (first * cx + x) * kTaps, cx * kTaps, width, taps);
      kernels_.spread_taps(taps, width, panels + panel_offset(first, depth) + x * width, cx * width, depth * cy);
    }
  }
}

void TilePasses::pack_for_image(const float* weight, float* panels) const {
  const int64_t cx = g_.cx, cy = g_.cy, vector = kernels_.vector, plane = cy * cx;
  float taps[kTaps * 32];
  for (int64_t first = 0; first < cx; first += 2 * vector) {
    const int64_t width = std::min(panel_columns(first, cx, vector), cx - first);
    for (int64_t y = 0; y < cy; y++) {
      load_taps(weight + (y * cx + first) * kTaps, kTaps, width, taps);
      // Feature rows grow while taps fall: the two taps change places, and with them the planes their order.
      kernels_.spread_taps(taps, width, panels + panel_offset(first, cy) + y * width + (kPlanes - 1) * plane, kPlanes * plane, -plane);
    }
  }
}

void TilePasses::add_gradient(const float* sums, float* gradient) const {
  const int64_t cx = g_.cx, cy = g_.cy, block = kernels_.vector;
  float taps[kTaps * 32];
  for (int64_t x = 0; x < cx; x++)
    for (int64_t first = 0; first < cy; first += block) {
      kernels_.collect_taps(sums + x * cy + first, cx * cy, gradient_plane(), block, taps);
      for (int64_t j = 0; j < block; j++)
        for (int64_t t = 0; t < kTaps; t++) gradient[((first + j) * cx + x) * kTaps + t] += taps[t * block + j];
    }
}

// products[plane] = values[plane] x panels[plane], row by row of tiles.
void TilePasses::multiply(Workspace& work, const float* values, int64_t tiles, int64_t depth, const float* panels, int64_t columns, float* products) const {
  work.rows.resize(static_cast<size_t>(tiles));
  work.to.resize(static_cast<size_t>(tiles));
  for (int64_t t = 0; t < tiles; t++) {
    work.rows[t] = t * depth;
    work.to[t] = t * columns;
  }
  const Segment whole{0, 0};
  for (int64_t p = 0; p < kPlanes; p++)
    kernels_.product({values + p * tiles * depth, work.rows.data(), work.to.data(), tiles, &whole, 1, depth, panels + p * depth * columns, nullptr, products + p * tiles * columns,
                      columns, false});
}

void TilePasses::to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums,
                             int64_t count) const {
  const auto &g = g_;
  const int64_t image_row = l_.image_columns * g.cx, image_size = l_.image_rows * image_row, depth = kParities * g.cx;
  const int64_t feature_row = l_.feature_columns * g.cy, feature_size = l_.feature_rows * feature_row, all = count * tile_rows_ * tile_columns_;
  for (int64_t first = 0; first < all; first += kTilesAtOnce) {
    const int64_t tiles = std::min(all - first, kTilesAtOnce);
    work.from.resize(static_cast<size_t>(2 * tiles));
    work.targets.resize(static_cast<size_t>(tiles));
    auto* feature_from = work.from.data() + tiles;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t column = (first + t) % tile_columns_, row = (first + t) / tile_columns_ % tile_rows_, i = (first + t) / (tile_columns_ * tile_rows_);
      work.from[t] = i * image_size + 4 * row * image_row + 4 * column * g.cx;
      feature_from[t] = i * feature_size + (2 * row + l_.border) * feature_row + (2 * column + l_.border) * g.cy;
      work.targets[t] = {((i * g.out_height + 2 * row) * g.out_width + 2 * column) * g.cy, static_cast<int32_t>(std::min<int64_t>(2, g.out_height - 2 * row)),
                         static_cast<int32_t>(std::min<int64_t>(2, g.out_width - 2 * column))};
    }
    // The two parities of a column lie side by side, channels and all: one run for both.
    auto* values = work.values.floats(kPlanes * tiles * depth);
    for (int64_t r = 0; r < 2; r++)
      kernels_.spread_values({image + r * image_row, work.from.data(), tiles, 2 * image_row, 2 * g.cx, 2 * g.cx, values + r * 2 * g.cx, depth, tiles * depth});
    if (target != nullptr) {
      auto* products = work.products.floats(kPlanes * tiles * g.cy);
      multiply(work, values, tiles, depth, panels, g.cy, products);
      kernels_.collect({products, tiles * g.cy, tiles, g.cy, target, work.targets.data(), g.out_width * g.cy, g.cy, bias, relu});
    }
    if (sums != nullptr) {
      auto* factors = work.factors.floats(kPlanes * tiles * g.cy);
      kernels_.spread_factors({features, feature_from, tiles, feature_row, g.cy, g.cy, factors, g.cy, tiles * g.cy});
      work.rows.resize(static_cast<size_t>(depth));
      for (int64_t m = 0; m < depth; m++) work.rows[m] = m;
      const Segment whole{0, 0};
      for (int64_t p = 0; p < kPlanes; p++)
        kernels_.outer_sum({values + p * tiles * depth, work.rows.data(), depth, &whole, 1, tiles, depth, factors + p * tiles * g.cy, g.cy, sums + p * gradient_plane(), g.cy});
    }
  }
}

void TilePasses::to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const {
  const auto& g = g_;
  const int64_t feature_row = l_.feature_columns * g.cy, feature_size = l_.feature_rows * feature_row, image_row = g.width * g.cx, image_size = g.height * image_row;
  for (int64_t r = 0; r < 2; r++)
    for (int64_t c = 0; c < 2; c++) {
      const auto rows = parity(r, g.height), columns = parity(c, g.width);
      const int64_t across = columns.tiles(), down = rows.tiles(), all = count * down * across;
      for (int64_t first = 0; first < all; first += kTilesAtOnce) {
        const int64_t tiles = std::min(all - first, kTilesAtOnce);
        work.from.resize(static_cast<size_t>(tiles));
        work.targets.resize(static_cast<size_t>(tiles));
        for (int64_t t = 0; t < tiles; t++) {
          const int64_t column = (first + t) % across, row = (first + t) / across % down, i = (first + t) / (across * down);
          work.from[t] = i * feature_size + (rows.step + 2 * row - 1 + l_.border) * feature_row + (columns.step + 2 * column - 1 + l_.border) * g.cy;
          work.targets[t] = {i * image_size + (rows.first + 4 * row) * image_row + (columns.first + 4 * column) * g.cx,
                             static_cast<int32_t>(std::min<int64_t>(2, rows.count - 2 * row)), static_cast<int32_t>(std::min<int64_t>(2, columns.count - 2 * column))};
        }
        auto* values = work.values.floats(kPlanes * tiles * g.cy);
        kernels_.spread_values({features, work.from.data(), tiles, feature_row, g.cy, g.cy, values, g.cy, tiles * g.cy});
        auto* products = work.products.floats(kPlanes * tiles * g.cx);
        multiply(work, values, tiles, g.cy, panels + (2 * r + c) * kPlanes * g.cx * g.cy, g.cx, products);
        kernels_.collect({products, tiles * g.cx, tiles, g.cx, target, work.targets.data(), 2 * image_row, 2 * g.cx, bias, relu});
      }
    }
}

}  // namespace vae::conv
