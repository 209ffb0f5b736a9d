// What the layers may know of the training step that runs on this thread.
#pragma once

#include "abi.h"

namespace vae {

struct TrainingStep {
  bool active = false;
  at::Tensor rows;  // int32 [K] on the host, or undefined: all rows count
};

// The step opened on this thread by vae_begin_training_step, or one that is not active.
const TrainingStep& training_step() noexcept;

}  // namespace vae
