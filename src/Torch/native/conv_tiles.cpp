#include "conv_tiles.h"

#include <algorithm>

namespace vae::conv {

namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// taps[t][j] = from[j * step + t]: sixteen taps of `count` channels, channels last. `flip` changes the order of the two taps of each parity.
void load_taps(const float* from, int64_t step, int64_t count, int64_t flip, float* taps) {
  for (int64_t j = 0; j < count; j++)
    for (int64_t t = 0; t < 16; t++) taps[t * count + j] = from[j * step + (t ^ flip)];
}

constexpr int64_t kForwards = 0, kBackwards = 10;  // Rows differ by 8, columns by 2.

}  // namespace

int64_t TilePasses::fit(const Geometry& g, const Kernels& kernels) {
  if (g.stride != 2 || g.kernel_height != 4 || g.kernel_width != 4 || g.cx % kernels.vector != 0 || g.cy % kernels.vector != 0) return 0;
  // Products for each result and channel: 4 x 4 for the plain way.
  auto cost = [&](int64_t tile) { return static_cast<double>((tile + 1) * (tile + 1) * divide_up(g.out_height, tile) * divide_up(g.out_width, tile)); };
  const double plain = static_cast<double>(4 * g.out_height * g.out_width), two = cost(2), four = cost(4);
  if (std::min(two, four) > 0.85 * plain) return 0;  // The additions cost something, too.
  // With one tile per image the transformed weights are larger than what they are applied to.
  return four < 0.9 * two && g.out_height > 4 && g.out_width > 4 ? 4 : 2;
}

TilePasses::TilePasses(const Geometry& geometry, const Kernels& kernels, int64_t tile, Layout& layout)
    : g_(geometry), kernels_(kernels), tile_kernels_(tile == 4 ? kernels.tiles_of_four : kernels.tiles_of_two), tile_(tile), planes_((tile + 1) * (tile + 1)),
      tile_rows_(divide_up(geometry.out_height, tile)), tile_columns_(divide_up(geometry.out_width, tile)) {
  layout.image_rows = std::max(layout.image_rows, 2 * tile * tile_rows_ + 2);
  layout.image_columns = std::max(layout.image_columns, 2 * tile * tile_columns_ + 2);
  for (int64_t r = 0; r < 2; r++) {
    const auto rows = parity(r, g_.height), columns = parity(r, g_.width);
    // The last tile reads one feature row beyond its results.
    layout.border = std::max({layout.border, int64_t{1}, rows.step + tile * divide_up(rows.count, tile) - g_.out_height,
                              columns.step + tile * divide_up(columns.count, tile) - g_.out_width});
  }
  layout.border = std::max({layout.border, tile * tile_rows_ - g_.out_height, tile * tile_columns_ - g_.out_width});
  layout.feature_rows = g_.out_height + 2 * layout.border;
  layout.feature_columns = g_.out_width + 2 * layout.border;
  l_ = layout;
}

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
      load_taps(weight + (first * cx + x) * kTaps, cx * kTaps, width, kForwards, taps);
      tile_kernels_.spread_taps(taps, width, panels + panel_offset(first, depth) + x * width, cx * width, depth * cy);
    }
  }
}

void TilePasses::pack_for_image(const float* weight, float* panels) const {
  const int64_t cx = g_.cx, cy = g_.cy, vector = kernels_.vector, plane = cy * cx;
  float taps[kTaps * 32];
  for (int64_t first = 0; first < cx; first += 2 * vector) {
    const int64_t width = std::min(panel_columns(first, cx, vector), cx - first);
    for (int64_t y = 0; y < cy; y++) {
      // Feature rows grow while taps fall.
      load_taps(weight + (y * cx + first) * kTaps, kTaps, width, kBackwards, taps);
      tile_kernels_.spread_taps(taps, width, panels + panel_offset(first, cy) + y * width, planes_ * plane, plane);
    }
  }
}

void TilePasses::add_gradient(const float* sums, float* gradient) const {
  const int64_t cx = g_.cx, cy = g_.cy, block = kernels_.vector;
  float taps[kTaps * 32];
  for (int64_t x = 0; x < cx; x++)
    for (int64_t first = 0; first < cy; first += block) {
      tile_kernels_.collect_taps(sums + x * cy + first, cx * cy, gradient_plane(), block, taps);
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
  for (int64_t p = 0; p < planes_; p++)
    kernels_.product({values + p * tiles * depth, work.rows.data(), work.to.data(), tiles, &whole, 1, depth, panels + p * depth * columns, nullptr, products + p * tiles * columns,
                      columns, false});
}

void TilePasses::to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums,
                             int64_t count) const {
  const auto &g = g_;
  const int64_t image_row = l_.image_columns * g.cx, image_size = l_.image_rows * image_row, depth = kParities * g.cx;
  const int64_t feature_row = l_.feature_columns * g.cy, feature_size = l_.feature_rows * feature_row, all = count * tile_rows_ * tile_columns_;
  for (int64_t first = 0; first < all; first += tiles_at_once()) {
    const int64_t tiles = std::min(all - first, tiles_at_once());
    work.from.resize(static_cast<size_t>(2 * tiles));
    work.targets.resize(static_cast<size_t>(tiles));
    auto* feature_from = work.from.data() + tiles;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t column = (first + t) % tile_columns_, row = (first + t) / tile_columns_ % tile_rows_, i = (first + t) / (tile_columns_ * tile_rows_);
      work.from[t] = i * image_size + 2 * tile_ * row * image_row + 2 * tile_ * column * g.cx;
      feature_from[t] = i * feature_size + (tile_ * row + l_.border) * feature_row + (tile_ * column + l_.border) * g.cy;
      work.targets[t] = {((i * g.out_height + tile_ * row) * g.out_width + tile_ * column) * g.cy, static_cast<int32_t>(std::min(tile_, g.out_height - tile_ * row)),
                         static_cast<int32_t>(std::min(tile_, g.out_width - tile_ * column))};
    }
    // The two parities of a column lie side by side, channels and all: one run for both.
    auto* values = work.values.floats(planes_ * tiles * depth);
    for (int64_t r = 0; r < 2; r++)
      tile_kernels_.spread_values({image + r * image_row, work.from.data(), tiles, 2 * image_row, 2 * g.cx, 2 * g.cx, values + r * 2 * g.cx, depth, tiles * depth});
    if (target != nullptr) {
      auto* products = work.products.floats(planes_ * tiles * g.cy);
      multiply(work, values, tiles, depth, panels, g.cy, products);
      tile_kernels_.collect({products, tiles * g.cy, tiles, g.cy, target, work.targets.data(), g.out_width * g.cy, g.cy, bias, relu});
    }
    if (sums != nullptr) {
      auto* factors = work.factors.floats(planes_ * tiles * g.cy);
      tile_kernels_.spread_factors({features, feature_from, tiles, feature_row, g.cy, g.cy, factors, g.cy, tiles * g.cy});
      work.rows.resize(static_cast<size_t>(depth));
      for (int64_t m = 0; m < depth; m++) work.rows[m] = m;
      const Segment whole{0, 0};
      for (int64_t p = 0; p < planes_; p++)
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
      const int64_t across = divide_up(columns.count, tile_), down = divide_up(rows.count, tile_), all = count * down * across;
      for (int64_t first = 0; first < all; first += tiles_at_once()) {
        const int64_t tiles = std::min(all - first, tiles_at_once());
        work.from.resize(static_cast<size_t>(tiles));
        work.targets.resize(static_cast<size_t>(tiles));
        for (int64_t t = 0; t < tiles; t++) {
          const int64_t column = (first + t) % across, row = (first + t) / across % down, i = (first + t) / (across * down);
          work.from[t] = i * feature_size + (rows.step + tile_ * row - 1 + l_.border) * feature_row + (columns.step + tile_ * column - 1 + l_.border) * g.cy;
          work.targets[t] = {i * image_size + (rows.first + 2 * tile_ * row) * image_row + (columns.first + 2 * tile_ * column) * g.cx,
                             static_cast<int32_t>(std::min(tile_, rows.count - tile_ * row)), static_cast<int32_t>(std::min(tile_, columns.count - tile_ * column))};
        }
        auto* values = work.values.floats(planes_ * tiles * g.cy);
        tile_kernels_.spread_values({features, work.from.data(), tiles, feature_row, g.cy, g.cy, values, g.cy, tiles * g.cy});
        auto* products = work.products.floats(planes_ * tiles * g.cx);
        multiply(work, values, tiles, g.cy, panels + (2 * r + c) * planes_ * g.cx * g.cy, g.cx, products);
        tile_kernels_.collect({products, tiles * g.cx, tiles, g.cx, target, work.targets.data(), 2 * image_row, 2 * g.cx, bias, relu});
      }
    }
}

}  // namespace vae::conv
