#include "conv_passes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace vae::conv {

namespace {

// Scratch of this size stays in the second-level cache beside a layer's weights.
constexpr int64_t kScratchFloats = 96 * 1024;
constexpr int64_t kImagesAtOnceMax = 16;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Columns of all panels together.
int64_t padded_columns(int64_t columns, int64_t vector) { return round_up(columns, vector); }

// Copies images [C][H][W] of any strides to rows of `pixel` floats per pixel; borders and surplus channels are zero already.
void copy_pixels(const Side& source, int64_t channels, int64_t height, int64_t width, float* target, int64_t target_row, int64_t pixel) {
  for (int64_t h = 0; h < height; h++) {
    const float* from = source.data + h * source.row;
    float* to = target + h * target_row;
    if (source.channel == 1 && source.column == channels && pixel == channels) {
      std::memcpy(to, from, static_cast<size_t>(width * channels) * sizeof(float));
      continue;
    }
    for (int64_t w = 0; w < width; w++)
      for (int64_t c = 0; c < channels; c++) to[w * pixel + c] = from[w * source.column + c * source.channel];
  }
}

void mask_pixels(const Kernels& kernels, const Side& sign, int64_t channels, int64_t height, int64_t width, float* target, int64_t target_row, int64_t pixel) {
  for (int64_t h = 0; h < height; h++) {
    const float* from = sign.data + h * sign.row;
    float* to = target + h * target_row;
    if (sign.channel == 1 && sign.column == channels && pixel == channels) {
      kernels.keep_positive(to, from, width * channels);
      continue;
    }
    for (int64_t w = 0; w < width; w++)
      for (int64_t c = 0; c < channels; c++)
        if (from[w * sign.column + c * sign.channel] <= 0.0f) to[w * pixel + c] = 0.0f;
  }
}

Side image_of(const Side& side, int64_t index) {
  Side one = side;
  one.data += index * side.image;
  return one;
}

void clear(float* from, const float* to) { std::memset(from, 0, static_cast<size_t>(to - from) * sizeof(float)); }

// Zeros around the pixels of an image, and in them where they have surplus channels.
void clear_border(float* image, int64_t height, int64_t width, int64_t top, int64_t left, int64_t rows, int64_t columns, int64_t pixel, bool inside) {
  if (inside) return clear(image, image + rows * columns * pixel);
  clear(image, image + (top * columns + left) * pixel);
  for (int64_t h = 0; h + 1 < height; h++) clear(image + ((top + h) * columns + left + width) * pixel, image + ((top + h + 1) * columns + left) * pixel);
  clear(image + ((top + height - 1) * columns + left + width) * pixel, image + rows * columns * pixel);
}

// Lays `count` images into `scratch`, which holds rows x columns pixels for each, the first value at (top, left).
const float* load_side(const Kernels& kernels, Scratch& scratch, const Side& source, const Side* sign, int64_t count, int64_t channels, int64_t height, int64_t width,
                 int64_t top, int64_t left, int64_t rows, int64_t columns, int64_t pixel) {
  const int64_t size = rows * columns * pixel;
  const bool has_border = rows != height || columns != width || pixel != channels;
  const bool dense = source.channel == 1 && source.column == channels && source.row == width * channels && source.image == height * width * channels;
  if (!has_border && dense && sign == nullptr) return source.data;  // Already as the passes read it.
  float* memory = scratch.floats(size * count);
  for (int64_t i = 0; i < count; i++) {
    float* target = memory + i * size + (top * columns + left) * pixel;
    if (has_border) clear_border(memory + i * size, height, width, top, left, rows, columns, pixel, pixel != channels);
    copy_pixels(image_of(source, i), channels, height, width, target, columns * pixel, pixel);
    if (sign != nullptr) mask_pixels(kernels, image_of(*sign, i), channels, height, width, target, columns * pixel, pixel);
  }
  return memory;
}

// A panel matrix of which row r is begin(r)[0], begin(r)[step], begin(r)[2 step], ...; a row without a beginning is zero.
template <class Begin>
void pack(int64_t depth, int64_t columns, int64_t vector, int64_t step, float* panels, Begin begin) {
  for (int64_t first = 0; first < columns; first += 2 * vector) {
    const int64_t width = panel_columns(first, columns, vector), filled = std::min(width, columns - first);
    float* to = panels + panel_offset(first, depth);
    for (int64_t r = 0; r < depth; r++, to += width) {
      const float* from = begin(r);
      const int64_t count = from != nullptr ? filled : 0;
      for (int64_t j = 0; j < count; j++) to[j] = from[(first + j) * step];
      for (int64_t j = count; j < width; j++) to[j] = 0.0f;
    }
  }
}

// Sums of rows of pixels, then of the pixels of the one row that is left: long vectors even for one channel.
void add_sums(const Kernels& kernels, Scratch& scratch, const float* values, int64_t rows, int64_t columns, int64_t pixel, int64_t channels, float* sums) {
  float* row = scratch.floats(columns * pixel);
  std::memset(row, 0, static_cast<size_t>(columns * pixel) * sizeof(float));
  kernels.add_rows(values, rows, columns * pixel, row);
  for (int64_t w = 0; w < columns; w++)
    for (int64_t c = 0; c < channels; c++) sums[c] += row[w * pixel + c];
}

}  // namespace

Scratch::~Scratch() { std::free(memory_); }

float* Scratch::floats(int64_t count) {
  if (count > capacity_) {
    std::free(memory_);
    capacity_ = 0;
    memory_ = static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(round_up(count * static_cast<int64_t>(sizeof(float)), 64))));
    if (memory_ == nullptr) throw std::bad_alloc();
    capacity_ = count;
  }
  return memory_;
}

Passes::Passes(const Geometry& geometry) : g_(geometry), kernels_(kernels()) {
  const auto &g = g_;
  l_.image_rows = std::max((g.out_height - 1) * g.stride + g.kernel_height, g.height + g.padding);
  l_.image_columns = std::max((g.out_width - 1) * g.stride + g.kernel_width, g.width + g.padding);
  by_patches_ = 2 * g.cx < kernels_.vector;
  l_.feature_channels = round_up(g.cy, kernels_.vector);
  // An image pixel sees the feature pixels (i + padding) / stride - t for its taps t: at most so many before the first and after the last.
  l_.border = 0;
  if (!by_patches_) {
    const int64_t taps_max = divide_up(std::max(g.kernel_height, g.kernel_width), g.stride);
    const int64_t below = (g.height - 1 + g.padding) / g.stride - (g.out_height - 1), right = (g.width - 1 + g.padding) / g.stride - (g.out_width - 1);
    l_.border = std::max({taps_max - 1, below, right, int64_t{0}});
  }
  l_.feature_rows = g.out_height + 2 * l_.border;
  l_.feature_columns = g.out_width + 2 * l_.border;
  if (const auto tile = TilePasses::fit(g, kernels_)) tiles_.emplace(g, kernels_, tile, l_);
  const int64_t floats = l_.image_rows * l_.image_columns * g.cx + l_.feature_rows * l_.feature_columns * l_.feature_channels;
  images_at_once_ = tiles_ ? tiles_->images_at_once() : std::clamp<int64_t>(kScratchFloats / floats, 1, kImagesAtOnceMax);
}

const float* Passes::load_image(Workspace& work, const Side& source, const Side* sign, int64_t count) const {
  return load_side(kernels_, work.image, source, sign, count, g_.cx, g_.height, g_.width, g_.padding, g_.padding, l_.image_rows, l_.image_columns, g_.cx);
}

const float* Passes::load_features(Workspace& work, const Side& source, const Side* sign, int64_t count) const {
  return load_side(kernels_, work.features, source, sign, count, g_.cy, g_.out_height, g_.out_width, l_.border, l_.border, l_.feature_rows, l_.feature_columns, l_.feature_channels);
}

int64_t Passes::features_panel_size() const { return tiles_ ? tiles_->panel_size() : taps() * g_.cx * padded_columns(g_.cy, kernels_.vector); }

void Passes::pack_for_features(const float* weight, float* panels) const {
  if (tiles_) return tiles_->pack_for_features(weight, panels);
  const int64_t cx = g_.cx, taps = this->taps();
  pack(taps * cx, g_.cy, kernels_.vector, cx * taps, panels, [=](int64_t r) { return weight + r % cx * taps + r / cx; });
}

void Passes::to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums,
                         int64_t count) const {
  if (tiles_) return tiles_->to_features(work, image, panels, bias, relu, target, features, sums, count);
  if (sums != nullptr) add_weights(work, image, features, sums, count);
  if (target == nullptr) return;
  const auto& g = g_;
  const int64_t image_row = l_.image_columns * g.cx, image_size = l_.image_rows * image_row, pixels = g.out_height * g.out_width;
  work.from.resize(static_cast<size_t>(count * pixels));
  work.to.resize(static_cast<size_t>(count * pixels));
  int64_t at = 0;
  for (int64_t i = 0; i < count; i++)
    for (int64_t h = 0; h < g.out_height; h++)
      for (int64_t w = 0; w < g.out_width; w++, at++) {
        work.from[at] = i * image_size + h * g.stride * image_row + w * g.stride * g.cx;
        work.to[at] = at * g.cy;
      }
  // The taps of one kernel row lie side by side, channels and all: one run.
  work.segments.resize(static_cast<size_t>(g.kernel_height));
  for (int64_t kh = 0; kh < g.kernel_height; kh++) work.segments[kh] = {kh * image_row, 0};
  kernels_.product({image, work.from.data(), work.to.data(), at, work.segments.data(), g.kernel_height, g.kernel_width * g.cx, panels, bias, target, g.cy, relu});
}

// Row i of the image and tap k meet in feature row (i + padding - k) / stride where that is whole: the taps k = r, r + stride, ... with
// r = (i + padding) mod stride. Feature rows grow while taps fall, so the panels hold the taps backwards.
Passes::Phase Passes::phase(int64_t row, int64_t column) const {
  Phase p{row, column, 0, 0, 0};
  auto count = [&](int64_t first, int64_t kernel) { return kernel > first ? divide_up(kernel - first, g_.stride) : 0; };
  p.tap_rows = count(row, g_.kernel_height);
  p.tap_columns = count(column, g_.kernel_width);
  int64_t taps_before = 0;
  for (int64_t r = 0; r < row; r++) taps_before += count(r, g_.kernel_height) * g_.kernel_width;
  for (int64_t c = 0; c < column; c++) taps_before += p.tap_rows * count(c, g_.kernel_width);
  p.panel = taps_before * l_.feature_channels * padded_columns(g_.cx, kernels_.vector);
  return p;
}

int64_t Passes::image_panel_size() const {
  if (tiles_) return tiles_->panel_size();
  return by_patches_ ? l_.feature_channels * padded_columns(taps() * g_.cx, kernels_.vector) : taps() * l_.feature_channels * padded_columns(g_.cx, kernels_.vector);
}

void Passes::pack_for_image(const float* weight, float* panels) const {
  if (tiles_) return tiles_->pack_for_image(weight, panels);
  const auto& g = g_;
  const int64_t cx = g.cx, cy = g.cy, channels = l_.feature_channels, taps = this->taps();
  if (by_patches_) {
    // A row holds a patch, channels last, which the weight holds channels first.
    std::vector<float> patch(static_cast<size_t>(taps * cx));
    pack(channels, taps * cx, kernels_.vector, 1, panels, [&](int64_t y) -> const float* {
      if (y >= cy) return nullptr;
      for (int64_t x = 0; x < cx; x++)
        for (int64_t t = 0; t < taps; t++) patch[t * cx + x] = weight[(y * cx + x) * taps + t];
      return patch.data();
    });
    return;
  }
  for (int64_t r = 0; r < g.stride; r++)
    for (int64_t c = 0; c < g.stride; c++) {
      const auto p = phase(r, c);
      if (p.tap_rows == 0 || p.tap_columns == 0) continue;
      pack(p.tap_rows * p.tap_columns * channels, cx, kernels_.vector, taps, panels + p.panel, [&, p](int64_t depth) {
        const int64_t y = depth % channels, tap = depth / channels;
        const int64_t kh = p.first_tap_row + g.stride * (p.tap_rows - 1 - tap / p.tap_columns), kw = p.first_tap_column + g.stride * (p.tap_columns - 1 - tap % p.tap_columns);
        return y < cy ? weight + y * cx * taps + kh * g.kernel_width + kw : nullptr;
      });
    }
}

void Passes::to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const {
  if (tiles_) return tiles_->to_image(work, features, panels, bias, relu, target, count);
  if (by_patches_) return patches_to_image(work, features, panels, bias, relu, target, count);
  const auto& g = g_;
  const int64_t feature_row = l_.feature_columns * l_.feature_channels, feature_size = l_.feature_rows * feature_row;
  for (int64_t r = 0; r < g.stride; r++)
    for (int64_t c = 0; c < g.stride; c++) {
      const auto p = phase(r, c);
      const bool untouched = p.tap_rows == 0 || p.tap_columns == 0;  // A stride longer than the kernel leaves pixels that no tap reaches.
      work.from.clear();
      work.to.clear();
      const int64_t first_row = ((r - g.padding) % g.stride + g.stride) % g.stride, first_column = ((c - g.padding) % g.stride + g.stride) % g.stride;
      for (int64_t i = 0; i < count; i++)
        for (int64_t h = first_row; h < g.height; h += g.stride)
          for (int64_t w = first_column; w < g.width; w += g.stride) {
            const int64_t from_row = (h + g.padding) / g.stride - (p.tap_rows - 1) + l_.border, from_column = (w + g.padding) / g.stride - (p.tap_columns - 1) + l_.border;
            work.from.push_back(untouched ? 0 : i * feature_size + from_row * feature_row + from_column * l_.feature_channels);
            work.to.push_back(((i * g.height + h) * g.width + w) * g.cx);
          }
      if (work.from.empty()) continue;
      work.segments.resize(static_cast<size_t>(p.tap_rows));
      for (int64_t t = 0; t < p.tap_rows; t++) work.segments[t] = {t * feature_row, 0};
      kernels_.product({features, work.from.data(), work.to.data(), static_cast<int64_t>(work.from.size()), work.segments.data(), untouched ? 0 : p.tap_rows,
                        p.tap_columns * l_.feature_channels, panels + p.panel, bias, target, g.cx, relu});
    }
}

void Passes::patches_to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const {
  const auto& g = g_;
  const int64_t pixels = g.out_height * g.out_width, patch = taps() * g.cx, patch_size = round_up(patch, kernels_.vector);
  const int64_t image_row = l_.image_columns * g.cx, image_size = l_.image_rows * image_row;
  float* patches = work.patches.floats(pixels * patch_size + image_size);
  float* image = patches + pixels * patch_size;
  work.from.resize(static_cast<size_t>(pixels));
  work.to.resize(static_cast<size_t>(pixels));
  for (int64_t i = 0; i < pixels; i++) {
    work.from[i] = i * l_.feature_channels;
    work.to[i] = i * patch_size;
  }
  work.segments.assign(1, {0, 0});
  for (int64_t i = 0; i < count; i++) {
    kernels_.product({features + i * pixels * l_.feature_channels, work.from.data(), work.to.data(), pixels, work.segments.data(), 1, l_.feature_channels, panels, nullptr,
                      patches, patch_size, false});
    std::memset(image, 0, static_cast<size_t>(image_size) * sizeof(float));
    kernels_.add_patches({patches, patch_size, g.out_height, g.out_width, g.kernel_height, g.kernel_width * g.cx, image, g.stride * image_row, g.stride * g.cx, image_row});
    for (int64_t h = 0; h < g.height; h++)
      kernels_.finish_row(image + (h + g.padding) * image_row + g.padding * g.cx, bias, g.width, g.cx, relu, target + (i * g.height + h) * g.width * g.cx);
  }
}

int64_t Passes::gradient_size() const { return tiles_ ? tiles_->gradient_size() : round_up(taps() * g_.cx, kernels_.row_block) * l_.feature_channels; }

void Passes::add_weights(Workspace& work, const float* image, const float* features, float* sums, int64_t count) const {
  const auto& g = g_;
  const int64_t image_row = l_.image_columns * g.cx, feature_row = l_.feature_columns * l_.feature_channels, rows = taps() * g.cx;
  work.from.resize(static_cast<size_t>(rows));
  int64_t at = 0;
  for (int64_t kh = 0; kh < g.kernel_height; kh++)
    for (int64_t i = 0; i < g.kernel_width * g.cx; i++) work.from[at++] = kh * image_row + i;
  work.segments.clear();
  for (int64_t i = 0; i < count; i++)
    for (int64_t h = 0; h < g.out_height; h++)
      work.segments.push_back({(i * l_.image_rows + h * g.stride) * image_row, (i * l_.feature_rows + h + l_.border) * feature_row + l_.border * l_.feature_channels});
  kernels_.outer_sum({image, work.from.data(), rows, work.segments.data(), static_cast<int64_t>(work.segments.size()), g.out_width, g.stride * g.cx, features, l_.feature_channels,
                      sums, l_.feature_channels});
}

void Passes::add_gradient(const float* sums, float* gradient) const {
  if (tiles_) return tiles_->add_gradient(sums, gradient);
  const int64_t cx = g_.cx, taps = this->taps();
  for (int64_t y = 0; y < g_.cy; y++)
    for (int64_t x = 0; x < cx; x++)
      for (int64_t t = 0; t < taps; t++) gradient[(y * cx + x) * taps + t] += sums[(t * cx + x) * l_.feature_channels + y];
}

void Passes::add_image_sums(Workspace& work, const float* image, float* channel_sums, int64_t count) const {
  add_sums(kernels_, work.row, image, count * l_.image_rows, l_.image_columns, g_.cx, g_.cx, channel_sums);
}

void Passes::add_feature_sums(Workspace& work, const float* features, float* channel_sums, int64_t count) const {
  add_sums(kernels_, work.row, features, count * l_.feature_rows, l_.feature_columns, l_.feature_channels, g_.cy, channel_sums);
}

}  // namespace vae::conv
