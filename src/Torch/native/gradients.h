// What layers share that make their own gradients.
#pragma once

#include "abi.h"

namespace vae {

// Autograd would write a weight gradient into fresh memory and then add it to `.grad`: three extra passes over the weights, which is
// 10 % of a small model's step. Where `.grad` already exists (it is a view of the flat buffer) a layer adds into it at once.
inline bool can_add_in_place(const at::Tensor& parameter) {
  if (!in_plain_backward() || at::GradMode::is_enabled() || !parameter.is_leaf() || !parameter.requires_grad()) return false;
  const auto& grad = parameter.grad();
  return grad.defined() && grad.is_contiguous() && grad.scalar_type() == parameter.scalar_type();
}

}  // namespace vae
