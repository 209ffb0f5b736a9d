// Group normalisation for K replicas (Wu and He, 2018): each row and group of channels gets mean 0 and variance 1, then each channel its own factor and
// offset. Rows never meet, so it does not matter how a batch is cut between workers.
#include "abi.h"

using namespace vae;

namespace {

at::Tensor group_norm(const at::Tensor& input, int64_t groups, const at::Tensor& weight, const at::Tensor& bias, double epsilon) {
  TORCH_CHECK(weight.dim() == 2 && weight.sizes() == bias.sizes(), "group_norm: weight and bias must be [K,C], got ", weight.sizes(), " and ", bias.sizes());
  const auto replicas = weight.size(0), channels = weight.size(1);
  TORCH_CHECK(input.dim() == 5 || (input.dim() == 4 && replicas == 1), "group_norm: input must be [K,n,C,H,W] (or [n,C,H,W] for K = 1), got ", input.sizes());
  TORCH_CHECK(groups > 0 && channels % groups == 0, "group_norm: ", groups, " groups do not divide ", channels, " channels");
  TORCH_CHECK(input.size(-3) == channels && (input.dim() == 4 || input.size(0) == replicas), "group_norm: input ", input.sizes(), " does not fit weight ", weight.sizes());
  // Pixels in one dimension, for which libtorch knows one layout only. Images of one pixel count as channels-last too, and for those libtorch 2.6 writes
  // through a null pointer on its way back when there are no factors.
  auto images = input.reshape({-1, channels, input.size(-2) * input.size(-1)});
  // One replica is the ordinary case and takes ATen's single pass; more of them have factors of their own.
  if (replicas == 1) return at::group_norm(images, groups, weight.view({channels}), bias.view({channels}), epsilon, false).view(input.sizes());
  auto normal = at::group_norm(images, groups, {}, {}, epsilon, false).view(input.sizes());
  return normal * weight.view({replicas, 1, channels, 1, 1}) + bias.view({replicas, 1, channels, 1, 1});
}

}  // namespace

// input [K,n,C,H,W] ([n,C,H,W] for K = 1), weight and bias [K,C].
VAE_API Handle vae_group_norm(Handle input, int64_t groups, Handle weight, Handle bias, double epsilon) {
  return make([&] { return group_norm(get(input), groups, get(weight), get(bias), epsilon); });
}
