// Sums over processes through libtorch's c10d. One group is one gang of ranks in one generation; it is made, used and thrown away.
#pragma once

#include "abi.h"

#include <chrono>
#include <memory>
#include <string>

#ifdef VAE_WITH_C10D
#include <torch/csrc/distributed/c10d/Store.hpp>
#endif

namespace vae {

using Milliseconds = std::chrono::milliseconds;

// What became of a sum. Failures are exceptions.
enum Outcome { kSummed = 0, kFailed = 1, kTimedOut = 2 };

class Group {
 public:
  virtual ~Group() = default;

  // Replaces a contiguous float tensor by its sum over all ranks. When it returns or throws, nothing touches the tensor any more.
  virtual Outcome all_reduce(const at::Tensor& tensor, Milliseconds deadline) = 0;

  // Ends the sum that runs, from any thread; every later one fails. Peers notice.
  virtual void abort() = 0;
};

// Null: this build has the engine. Otherwise what is missing, as a clause.
const char* gloo_lacks();
const char* nccl_lacks();

#ifdef VAE_WITH_C10D
// Both block until all ranks have met through the store. `host` is the address that the ranks reach this one at.
std::unique_ptr<Group> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, const std::string& host, Milliseconds deadline);
std::unique_ptr<Group> make_nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, int device, Milliseconds deadline);
#endif

}  // namespace vae
