// Memory of the large buffers that every step walks through from end to end.
#include "abi.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

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
#if defined(__linux__)
    // Fresh from the system: memory that the heap has used before keeps the small pages it has. One page more, to begin at a huge page's boundary.
    const size_t mapped = whole + kHugePage;
    void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(start != MAP_FAILED, "not enough memory: ", whole, " bytes for a vector of ", count, " floats");
    auto* memory = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(start) + kHugePage - 1) / kHugePage * kHugePage);
    (void)madvise(memory, whole, MADV_HUGEPAGE);  // Only advice: without it the memory is as good, and slower.
    return at::from_blob(memory, {count}, [start, mapped](void*) { munmap(start, mapped); }, options);
#else
    return at::zeros({count}, options);
#endif
  });
}
