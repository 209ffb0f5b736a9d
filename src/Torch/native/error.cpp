#include "abi.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <exception>
#include <string>

namespace {
thread_local std::string last_error;
std::atomic<int64_t> live_tensors{0};
}  // namespace

namespace vae {

void remember_exception() noexcept {
  try {
    try {
      throw;
    } catch (const c10::Error& error) {
      last_error = error.what_without_backtrace();
    } catch (const std::exception& error) {
      last_error = error.what();
    } catch (...) {
      last_error = "unknown native error";
    }
  } catch (...) {
    // Copying the text ran out of memory: an empty text is all that can be kept.
    last_error.clear();
  }
}

Handle wrap(at::Tensor&& tensor) {
  auto handle = new at::Tensor(std::move(tensor));
  live_tensors.fetch_add(1, std::memory_order_relaxed);
  return handle;
}

}  // namespace vae

VAE_API const char* vae_last_error() { return last_error.c_str(); }

VAE_API void vae_tensor_free(Handle tensor) {
  // A storage's deleter may throw only when the device has already failed; there is nobody left to tell.
  try {
    delete tensor;
  } catch (...) {
    vae::remember_exception();
  }
  live_tensors.fetch_sub(1, std::memory_order_relaxed);
}

VAE_API int64_t vae_live_tensors() { return live_tensors.load(std::memory_order_relaxed); }
