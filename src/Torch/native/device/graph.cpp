// Streams, captured graphs and memory figures of CUDA devices. Without CUDA in the build every function says so.
#include "../abi.h"
#include "kernels.h"

#if VAE_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#endif

using namespace vae;

#if VAE_WITH_CUDA

namespace {

using Stream = c10::cuda::CUDAStream;
using Graph = at::cuda::CUDAGraph;

c10::DeviceIndex index_of(int device_index) { return static_cast<c10::DeviceIndex>(device_index); }

}  // namespace

// A stream of the pool, owned by the caller. Streams of one pool run side by side.
VAE_API void* vae_cuda_stream_new(int device_index) {
  void* result = nullptr;
  run([&] { result = new Stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index_of(device_index))); });
  return result;
}
VAE_API void vae_cuda_stream_free(void* stream) { delete static_cast<Stream*>(stream); }
// Everything that this thread queues from now on goes to the stream.
VAE_API int vae_cuda_stream_use(void* stream) {
  return run([&] { c10::cuda::setCurrentCUDAStream(*static_cast<Stream*>(stream)); });
}
VAE_API int vae_cuda_stream_synchronize(void* stream) {
  return run([&] { static_cast<Stream*>(stream)->synchronize(); });
}

VAE_API void* vae_cuda_graph_new() {
  void* result = nullptr;
  run([&] { result = new Graph(); });
  return result;
}
VAE_API void vae_cuda_graph_free(void* graph) {
  run([&] { delete static_cast<Graph*>(graph); });
}
// Other threads train other packs meanwhile, so only this thread is kept from calls that a capture does not allow.
VAE_API int vae_cuda_graph_begin(void* graph) {
  return run([&] {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 1)
    static_cast<Graph*>(graph)->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
#else
    static_cast<Graph*>(graph)->capture_begin();
#endif
  });
}
VAE_API int vae_cuda_graph_end(void* graph) {
  return run([&] { static_cast<Graph*>(graph)->capture_end(); });
}
VAE_API int vae_cuda_graph_replay(void* graph) {
  return run([&] { static_cast<Graph*>(graph)->replay(); });
}

// out: bytes in use now, at most since the last reset, kept by the allocator, and of the whole device.
VAE_API int vae_cuda_memory(int device_index, int64_t out[4]) {
  return run([&] {
    constexpr size_t kAll = 0;  // StatType::AGGREGATE
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(index_of(device_index));
    out[0] = stats.allocated_bytes[kAll].current;
    out[1] = stats.allocated_bytes[kAll].peak;
    out[2] = stats.reserved_bytes[kAll].current;
    out[3] = static_cast<int64_t>(at::cuda::getDeviceProperties(device_index)->totalGlobalMem);
  });
}
VAE_API int vae_cuda_reset_peak(int device_index) {
  return run([&] { c10::cuda::CUDACachingAllocator::resetPeakStats(index_of(device_index)); });
}
VAE_API int vae_cuda_name(int device_index, char* buffer, int capacity) {
  return run([&] {
    const std::string name(at::cuda::getDeviceProperties(device_index)->name);
    const auto length = std::min(name.size(), static_cast<size_t>(capacity - 1));
    std::copy_n(name.data(), length, buffer);
    buffer[length] = '\0';
  });
}

#else

namespace {
[[noreturn]] void refuse() { TORCH_CHECK(false, "this library was built without CUDA: build it where libtorch has CUDA and CUDA's headers are found"); }
}  // namespace

VAE_API void* vae_cuda_stream_new(int) {
  run([] { refuse(); });
  return nullptr;
}
VAE_API void vae_cuda_stream_free(void*) {}
VAE_API int vae_cuda_stream_use(void*) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_stream_synchronize(void*) {
  return run([] { refuse(); });
}
VAE_API void* vae_cuda_graph_new() {
  run([] { refuse(); });
  return nullptr;
}
VAE_API void vae_cuda_graph_free(void*) {}
VAE_API int vae_cuda_graph_begin(void*) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_graph_end(void*) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_graph_replay(void*) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_memory(int, int64_t*) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_reset_peak(int) {
  return run([] { refuse(); });
}
VAE_API int vae_cuda_name(int, char*, int) {
  return run([] { refuse(); });
}

#endif

// Whether streams and graphs exist in this build.
VAE_API int vae_cuda_built() {
#if VAE_WITH_CUDA
  return 1;
#else
  return 0;
#endif
}
// What the device kernels were compiled for, or why they are not used. Returns the whole length; what does not fit is cut.
VAE_API int vae_cuda_kernels(int device_index, char* buffer, int capacity) {
  int length = -1;
  run([&] {
    const auto text = device::status(device_index);
    const auto used = std::min(text.size(), static_cast<size_t>(capacity - 1));
    std::copy_n(text.data(), used, buffer);
    buffer[used] = '\0';
    length = static_cast<int>(text.size());
  });
  return length;
}
