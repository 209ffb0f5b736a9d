// Gloo. Its connections between ranks are its own: neither authenticated nor encrypted, which is why nothing chooses it by itself.
#include "collective.h"

#ifdef VAE_WITH_GLOO

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>

#include <thread>

namespace {

using namespace vae;

class Backend final : public c10d::ProcessGroupGloo {
 public:
  using ProcessGroupGloo::ProcessGroupGloo;

  // Breaks all connections, so that whatever waits on them fails at once, here and at the peers. Gloo has no call for this, but it does it
  // when a receive times out: so one that nothing will ever answer is started, and given a millisecond.
  void break_connections() {
    for (auto& context : contexts_) {
      uint8_t byte = 0;
      auto buffer = context->createUnboundBuffer(&byte, sizeof byte);
      try {
        buffer->recv(context->rank == 0 ? 1 : 0, kNeverSent, 0, sizeof byte);
        buffer->waitRecv(nullptr, Milliseconds(1));
      } catch (const std::exception&) {
        // Timed out as wanted, or broken already.
      }
    }
  }

 private:
  // Collectives number their messages from 0 in the lower half of a word and put their kind into the upper one.
  static constexpr uint64_t kNeverSent = ~uint64_t{0};
};

class GlooGroup final : public Group {
 public:
  GlooGroup(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, const std::string& host, Milliseconds deadline) {
    // A wait inside one sum may not end before the sum's own deadline, which is kept here.
    auto options = c10d::ProcessGroupGloo::Options::create(2 * deadline);
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(host));
    options->threads = 1;
    backend_ = c10::make_intrusive<Backend>(store, rank, world, options);
  }

  Outcome all_reduce(const at::Tensor& tensor, Milliseconds deadline) override {
    std::vector<at::Tensor> tensors{tensor};
    auto work = backend_->allreduce(tensors);
    try {
      work->wait(deadline);
      return kSummed;
    } catch (const std::exception&) {
      const bool timed_out = !work->isCompleted();
      backend_->break_connections();
      if (!timed_out) throw;
    }
    // Gloo's thread may still be adding into the caller's memory: it must have stopped before the caller gets that back.
    while (!work->isCompleted()) std::this_thread::sleep_for(Milliseconds(1));
    return work->isSuccess() ? kSummed : kTimedOut;
  }

  void abort() override { backend_->break_connections(); }

 private:
  c10::intrusive_ptr<Backend> backend_;
};

}  // namespace

namespace vae {

const char* gloo_lacks() { return nullptr; }

std::unique_ptr<Group> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world, const std::string& host, Milliseconds deadline) {
  return std::make_unique<GlooGroup>(store, rank, world, host, deadline);
}

}  // namespace vae

#else

namespace vae {

const char* gloo_lacks() { return "the program was built without Gloo: install libgloo-dev beside Debian's libtorch-dev and build again"; }

#ifdef VAE_WITH_C10D
std::unique_ptr<Group> make_gloo(const c10::intrusive_ptr<c10d::Store>&, int, int, const std::string&, Milliseconds) { return nullptr; }
#endif

}  // namespace vae

#endif
