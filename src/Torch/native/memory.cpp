// Memory of the large buffers that every step walks through from end to end.
#include "abi.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>

using namespace vae;

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

// A float32 vector of zeros on the host. From 2 MiB on it lies in huge pages where the system gives them: prefetching stops at the end of a
// page, and with pages of 4 KiB an update of four such streams took a third longer, and a matrix product 4 %.
VAE_API Handle vae_zeros_huge(int64_t count) {
  return make([&] {
    const auto options = at::TensorOptions().dtype(at::kFloat);
    const size_t bytes = sizeof(float) * static_cast<size_t>(count);
    if (bytes < kHugePage) return at::zeros({count}, options);
    const size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = std::aligned_alloc(kHugePage, whole);
    TORCH_CHECK(memory != nullptr, "not enough memory: ", whole, " bytes for a vector of ", count, " floats");
#if defined(__linux__)
    (void)madvise(memory, whole, MADV_HUGEPAGE);  // Only advice: without it the memory is as good, and slower.
#endif
    std::memset(memory, 0, bytes);
    return at::from_blob(memory, {count}, std::free, options);
  });
}
