// Memory of one thread's tensors: one run of addresses that grows at its end, with the smallest hole that fits for each block and neighbours that join when they are free.
// A training step asks for the same blocks again and again. Here it gets the same places again and again: how much a run fills follows from its shapes alone, and is little
// more than what is alive at its peak. glibc's arenas cannot promise that. In release 2.36 an aligned block never fits the hole that one of the same size has left, threads share
// arenas by chance, and those of other threads than the first are made of pieces of 64 MiB: the same training filled 158, 182 or 203 MB from one run to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace vae {

class Heap {
 public:
  // Reserves addresses, which costs no memory; if even few cannot be had, every block is refused.
  Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Memory at a multiple of 64, or null. Any thread may give it back, to whichever heap it is of.
  void* take(size_t bytes);
  static void give(void* memory);

  // Hands what is free back to the system. It costs page faults once it is needed again: for the end of a piece of work.
  void release();

  // Bytes in use, and the most at a time since the last question about it.
  size_t live();
  size_t take_peak();

 private:
  static constexpr size_t kUnit = 64;                               // Of sizes and addresses: a line of the cache, and what ATen's own allocator aligns to.
  static constexpr size_t kExact = 64, kSteps = 16, kBins = 640;    // Bins of one size each, then sixteen for each power of two.
  static constexpr int kTried = 32;                                 // Holes that are compared in a bin.

  // Before each block, in a line of its own.
  struct alignas(kUnit) Block {
    size_t size;    // With this header.
    size_t before;  // Size of the block in front; 0: none.
    Heap* heap;     // Null: it is from malloc.
    Block *next, *previous;
    bool free;
  };

  static size_t bin_of(size_t size);
  Block* find(size_t size);
  Block* smallest_of(size_t bin, size_t size) const;
  Block* grow(size_t size);
  Block* behind(Block* block) const;
  void insert(Block* block);
  void remove(Block* block);
  void split(Block* block, size_t size);
  void give_block(Block* block);

  std::mutex lock_;
  char *base_ = nullptr, *top_ = nullptr, *high_ = nullptr, *open_ = nullptr, *end_ = nullptr;  // Blocks lie below top; memory below high may be filled, below open it may be used.
  size_t last_ = 0;                                                                            // Size of the block below top.
  size_t live_ = 0, peak_ = 0;
  Block* bins_[kBins] = {};
  uint64_t filled_[kBins / 64] = {};
};

// Makes heaps the place of all of libtorch's tensors on the host. Once, before the first tensor.
void use_heaps();

}  // namespace vae
