// Where tensors on the host lie: those of a step in the heaps of their threads, and the large buffers that every step walks through from end to end in pages of their own.
#include "abi.h"
#include "heap.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

using namespace vae;

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmall = size_t{32} << 10;  // Small blocks live long beside large ones that come and go: among them they would cut every hole in two.

struct Heaps {
  Heap small, large;
};

// Heaps whose threads have ended wait for the next one. They are never freed: others may still hold blocks of theirs.
struct Idle {
  std::mutex lock;
  std::vector<Heaps*> heaps;
};
Idle& idle() {
  static auto* mine = new Idle();
  return *mine;
}

Heaps* adopt() {
  auto& waiting = idle();
  std::lock_guard<std::mutex> guard(waiting.lock);
  if (waiting.heaps.empty()) return new Heaps();
  auto* heaps = waiting.heaps.back();
  waiting.heaps.pop_back();
  return heaps;
}

struct Owner {
  Heaps* heaps = adopt();
  ~Owner() {
    heaps->small.release();
    heaps->large.release();
    auto& waiting = idle();
    std::lock_guard<std::mutex> guard(waiting.lock);
    waiting.heaps.push_back(heaps);
  }
};

Heaps& own_heaps() {
  static thread_local Owner owner;
  return *owner.heaps;
}

// `allocate` became non-const and `copy_data` was added in the course of libtorch 2: whichever is there is overridden.
struct HeapAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) { return make_block(bytes); }
  c10::DataPtr allocate(size_t bytes) const { return make_block(bytes); }
  void copy_data(void* target, const void* source, std::size_t bytes) const { std::memcpy(target, source, bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

 private:
  static c10::DataPtr make_block(size_t bytes) {
    const auto cpu = c10::Device(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &free_block, cpu};
    auto& heaps = own_heaps();
    auto* memory = (bytes < kSmall ? heaps.small : heaps.large).take(bytes);
    TORCH_CHECK(memory != nullptr, "not enough memory: ", bytes, " bytes for a tensor");
    return {memory, memory, &free_block, cpu};
  }

  static void free_block(void* memory) {
    if (memory != nullptr) Heap::give(memory);
  }
};

}  // namespace

void vae::use_heaps() {
#if defined(__linux__)
  static auto* heaps = new HeapAllocator();  // Never destroyed: threads may still take memory while the process ends.
  c10::SetCPUAllocator(heaps, /*priority=*/1);
#endif
}

// Of the calling thread.
VAE_API int vae_release_memory() {
  return run([] {
    own_heaps().small.release();
    own_heaps().large.release();
  });
}

// Of the calling thread: bytes that its tensors have in use, and the most at a time since the last question.
VAE_API int vae_memory_in_use(int64_t* now, int64_t* most) {
  return run([&] {
    auto& heaps = own_heaps();
    *now = static_cast<int64_t>(heaps.small.live() + heaps.large.live());
    *most = static_cast<int64_t>(heaps.small.take_peak() + heaps.large.take_peak());
  });
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
    // Fresh from the system: memory that a heap has used before keeps the small pages it has. One page more, to begin at a huge page's boundary.
    const size_t mapped = whole + kHugePage;
    void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(start != MAP_FAILED, "not enough memory: ", whole, " bytes for a vector of ", count, " floats");
    auto* memory = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(start) + kHugePage - 1) / kHugePage * kHugePage);
    // Only advice: without it the memory is as good, and slower. The end stays in small pages, so that no more is filled than is used.
    (void)madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return at::from_blob(memory, {count}, [start, mapped](void*) { munmap(start, mapped); }, options);
#else
    return at::zeros({count}, options);
#endif
  });
}
