// Settings and facts of the whole process; random generators.
#include "abi.h"
#include "heap.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <dlfcn.h>

#include <cstring>
#include <mutex>
#include <string>

using namespace vae;

namespace {

std::mutex warning_lock;
std::string last_warning;

// libtorch's own handler writes to stderr, in the middle of a progress line. Keep the newest text for whoever asks.
void remember_warning(const std::string& text) {
  std::lock_guard<std::mutex> guard(warning_lock);
  last_warning = text;
}

#if TORCH_VERSION_MAJOR >= 2
struct QuietHandler final : c10::WarningHandler {
  void process(const c10::Warning& warning) override { remember_warning(warning.msg()); }
};
void install_warning_handler() {
  static QuietHandler handler;
  c10::WarningUtils::set_warning_handler(&handler);
}
#else
struct QuietHandler final : c10::WarningHandler {
  void process(const c10::SourceLocation&, const std::string& text, const bool) override { remember_warning(text); }
};
void install_warning_handler() {
  static QuietHandler handler;
  c10::Warning::set_warning_handler(&handler);
}
#endif

template <class Function>
Function find_symbol(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

// ATen's thread count does not reach a BLAS with its own threads. Any OpenBLAS in the process exports these.
void set_blas_threads(int threads) {
  if (auto set = find_symbol<void (*)(int)>("openblas_set_num_threads")) set(threads);
}

int copy_text(const std::string& text, char* buffer, int capacity) {
  int length = std::min(static_cast<int>(text.size()), capacity - 1);
  std::memcpy(buffer, text.data(), length);
  buffer[length] = 0;
  return static_cast<int>(text.size());
}

enum Fact { kTorchVersion, kConfiguration, kCpuCapability, kBlasConfiguration, kBlasCore, kParallelInfo, kLastWarning };

std::string fact(int which) {
  switch (which) {
    case kTorchVersion: return TORCH_VERSION;
    case kConfiguration: return at::show_config();
    case kCpuCapability: {
      // The name of this function moved between versions; the text of show_config never did.
      auto text = at::show_config();
      auto at = text.find("CPU capability usage: ");
      if (at == std::string::npos) return "unknown";
      at += std::strlen("CPU capability usage: ");
      return text.substr(at, text.find('\n', at) - at);
    }
    case kBlasConfiguration: {
      auto get = find_symbol<char* (*)()>("openblas_get_config");
      return get ? std::string(get()) : std::string(at::hasMKL() ? "MKL" : "unknown");
    }
    case kBlasCore: {
      auto get = find_symbol<char* (*)()>("openblas_get_corename");
      return get ? std::string(get()) : std::string("unknown");
    }
    case kParallelInfo: return at::get_parallel_info();
    case kLastWarning: {
      std::lock_guard<std::mutex> guard(warning_lock);
      return last_warning;
    }
    default: return std::string();
  }
}

}  // namespace

VAE_API int vae_initialize(int threads, int interop_threads, int flush_denormals) {
  return run([&] {
    // A failing operation otherwise walks the stack for about 3 ms to build a text that nobody reads.
    c10::SetStackTraceFetcher([] { return std::string(); });
    install_warning_handler();
    use_heaps();
    at::set_num_threads(threads);
    set_blas_threads(threads);
    try {
      at::set_num_interop_threads(interop_threads);
    } catch (const c10::Error&) {
      // It can be set once only, and some other library in the process was first: the setting is a preference, not a condition.
    }
    at::globalContext().setFlushDenormal(flush_denormals != 0);
  });
}
VAE_API int vae_set_threads(int threads) {
  return run([&] {
    at::set_num_threads(threads);
    set_blas_threads(threads);
  });
}
// The calling thread's alone: libtorch keeps the number per thread (and hands the newest to threads that are yet to come).
VAE_API int vae_set_own_threads(int threads) {
  return run([&] {
    at::get_num_threads();  // A thread's first question sets its number to the newest of any thread; it must not come later and undo ours.
    at::set_num_threads(threads);
  });
}
VAE_API int vae_set_blas_threads(int threads) {
  return run([&] { set_blas_threads(threads); });
}
VAE_API int vae_threads() { return at::get_num_threads(); }
VAE_API int vae_blas_threads() {
  auto get = find_symbol<int (*)()>("openblas_get_num_threads");
  return get ? get() : at::get_num_threads();
}
// Returns the whole length; what does not fit the buffer is cut.
VAE_API int vae_fact(int which, char* buffer, int capacity) {
  int length = 0;
  return run([&] { length = copy_text(fact(which), buffer, capacity); }) == 0 ? length : -1;
}

VAE_API int vae_cuda_available() { return at::hasCUDA() ? 1 : 0; }
VAE_API int vae_cuda_device_count() {
  int count = 0;
  run([&] { count = at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0; });
  return count;
}
VAE_API int vae_cuda_synchronize(int device_index) {
  return run([&] { at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(device_index)); });
}

VAE_API int vae_manual_seed(uint64_t seed) {
  return run([&] { at::manual_seed(seed); });
}
VAE_API at::Generator* vae_generator_new(uint64_t seed) {
  at::Generator* generator = nullptr;
  run([&] { generator = new at::Generator(at::detail::createCPUGenerator(seed)); });
  return generator;
}
VAE_API at::Generator* vae_generator_default() {
  at::Generator* generator = nullptr;
  run([&] { generator = new at::Generator(at::detail::getDefaultCPUGenerator()); });
  return generator;
}
VAE_API void vae_generator_free(at::Generator* generator) { delete generator; }
VAE_API int vae_generator_seed(at::Generator* generator, uint64_t seed) {
  return run([&] {
    std::lock_guard<std::mutex> guard(generator->mutex());
    generator->set_current_seed(seed);
  });
}
VAE_API Handle vae_generator_state(at::Generator* generator) {
  return make([&] { return generator->get_state(); });
}
VAE_API int vae_generator_set_state(at::Generator* generator, Handle state) {
  return run([&] { generator->set_state(get(state)); });
}
