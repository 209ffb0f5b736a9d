// NCCL. Everything goes through the rank's own CUDA device and stream; host memory is never touched.
#include "collective.h"

// Before 2.1 a group could not be aborted.
#if defined(VAE_WITH_NCCL) && (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 1))

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <ATen/Context.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace {

using namespace vae;

// Longer than any sum of ours may take: deadlines are kept here, and c10d's watchdog shall find nothing to do.
constexpr auto kNeverByWatchdog = std::chrono::hours(24);

// How long to ask again without a pause, and the pause afterwards: a sum inside one machine takes some tens of microseconds.
constexpr auto kEager = std::chrono::microseconds(200), kPause = std::chrono::microseconds(50);

// By default c10d's watchdog ends the whole process when a peer is lost. Survivors of ours go on with the next generation, so they only
// want to be told. What the user has set stays.
void forbid_process_exit() {
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", 0);
  setenv("TORCH_NCCL_ENABLE_MONITORING", "0", 0);
  setenv("TORCH_NCCL_BLOCKING_WAIT", "0", 0);
}

class NcclGroup final : public Group {
 public:
  NcclGroup(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, int device, Milliseconds deadline) {
    forbid_process_exit();
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = kNeverByWatchdog;
    backend_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world, options);

    // Communicators are made by the first sum, with the help of the store: now, while the other ranks' words still come in.
    auto first = at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(at::kCUDA, static_cast<c10::DeviceIndex>(device)));
    TORCH_CHECK(all_reduce(first, deadline) == kSummed, "NCCL's ranks did not meet in time");
  }

  Outcome all_reduce(const at::Tensor& tensor, Milliseconds deadline) override {
    TORCH_CHECK(tensor.is_cuda(), "NCCL sums on CUDA devices only");
    c10::cuda::CUDAGuard guard(tensor.device());
    std::vector<at::Tensor> tensors{tensor};
    auto work = backend_->allreduce(tensors);
    const auto started = std::chrono::steady_clock::now();
    while (!work->isCompleted()) {
      const auto waited = std::chrono::steady_clock::now() - started;
      if (aborted_.load(std::memory_order_relaxed)) TORCH_CHECK(false, "the sum was aborted");
      if (waited > deadline) {
        abort();
        return kTimedOut;
      }
      if (waited > kEager) std::this_thread::sleep_for(kPause);
    }
    // Does not block: throws what went wrong, or makes the caller's stream wait for NCCL's.
    work->wait();
    return kSummed;
  }

  void abort() override {
    if (!aborted_.exchange(true)) backend_->abort();
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> backend_;
  std::atomic<bool> aborted_{false};
};

}  // namespace

namespace vae {

const char* nccl_lacks() { return at::hasCUDA() ? nullptr : "no CUDA device can be used"; }

std::unique_ptr<Group> make_nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, int device, Milliseconds deadline) {
  return std::make_unique<NcclGroup>(store, rank, world, device, deadline);
}

}  // namespace vae

#else

namespace vae {

const char* nccl_lacks() { return "the program was built without NCCL: build it against a libtorch 2.1 or newer with CUDA and NCCL, with the headers of both"; }

#ifdef VAE_WITH_C10D
std::unique_ptr<Group> make_nccl(const c10::intrusive_ptr<c10d::Store>&, int, int, int, Milliseconds) { return nullptr; }
#endif

}  // namespace vae

#endif
