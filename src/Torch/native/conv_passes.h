// One convolution of one replica over plain memory, in three passes. A convolution joins an image side (before: H x W, Cx channels) and a
// feature side (after: OH x OW, Cy channels). A transposed convolution is the same object used backwards, so three passes serve both:
//   to_features: y = W x        forward of a convolution,            gradient of a transposed one's input
//   to_image:    x = W^T y      gradient of a convolution's input,   forward of a transposed one
//   weights:     dW += x y^T    for both
// A few images at a time are laid out in scratch memory, channels last, with their borders of zeros; the passes read them there while they
// are in cache, so no copy is larger than an image.
#pragma once

#include <cstdint>
#include <optional>

#include "conv_tiles.h"
#include "conv_workspace.h"

namespace vae::conv {

// Where one side's values lie: any strides, in floats.
struct Side {
  const float* data = nullptr;
  int64_t image = 0, channel = 0, row = 0, column = 0;
};

// The weight [cy][cx][kh][kw] in the order in which a pass reads it. Made once per replica and call, read by all threads.
class Passes {
 public:
  explicit Passes(const Geometry& geometry);

  int64_t images_at_once() const { return images_at_once_; }
  // Floats of a gradient of the weight as `weights` adds it up, and its way back into [cy][cx][kh][kw].
  int64_t gradient_size() const;
  void add_gradient(const float* sums, float* gradient) const;

  int64_t features_panel_size() const;
  void pack_for_features(const float* weight, float* panels) const;
  int64_t image_panel_size() const;
  void pack_for_image(const float* weight, float* panels) const;

  // Copies `count` images into scratch. Where `sign` is given, values under a sign <= 0 become 0 (backward of a ReLU).
  const float* load_image(Workspace& work, const Side& source, const Side* sign, int64_t count) const;
  const float* load_features(Workspace& work, const Side& source, const Side* sign, int64_t count) const;

  // The targets lie channels last without gaps. `bias` has a float for every panel column, or is null.
  // The first and the last pass read the same image and share what they make of it, so they are one call: target or sums may be null.
  void to_features(Workspace& work, const float* image, const float* panels, const float* bias, bool relu, float* target, const float* features, float* sums, int64_t count) const;
  void to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const;
  // Sums over all pixels, added to channel_sums.
  void add_image_sums(Workspace& work, const float* image, float* channel_sums, int64_t count) const;
  void add_feature_sums(Workspace& work, const float* features, float* channel_sums, int64_t count) const;

 private:
  // One of the stride x stride sets of image pixels that see the same taps of the kernel.
  struct Phase {
    int64_t first_tap_row, first_tap_column, tap_rows, tap_columns, panel;
  };
  Phase phase(int64_t row, int64_t column) const;
  void add_weights(Workspace& work, const float* image, const float* features, float* sums, int64_t count) const;
  void patches_to_image(Workspace& work, const float* features, const float* panels, const float* bias, bool relu, float* target, int64_t count) const;
  int64_t taps() const { return g_.kernel_height * g_.kernel_width; }

  Geometry g_;
  const Kernels& kernels_;
  Layout l_;
  int64_t images_at_once_;
  std::optional<TilePasses> tiles_;  // where the geometry suits them
  // With fewer channels than half a vector the lanes would stand idle: then whole patches are computed and added up.
  bool by_patches_;
};

}  // namespace vae::conv
