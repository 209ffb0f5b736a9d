#include "heap.h"

#include <algorithm>
#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace vae {

namespace {
constexpr size_t kOpened = size_t{1} << 20;         // At a time: a call to the system each.
constexpr size_t kReservedMin = size_t{64} << 20;
constexpr size_t kWorthReleasing = size_t{64} << 10;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
}  // namespace

#if defined(__linux__)
Heap::Heap() {
  // No thread can fill more than the machine has. Where addresses are limited, less will do.
  for (size_t wanted = round_up(static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE)), kOpened); wanted >= kReservedMin; wanted = round_up(wanted / 4, kOpened)) {
    void* memory = mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) continue;
    base_ = top_ = high_ = open_ = static_cast<char*>(memory);
    end_ = base_ + wanted;
    return;
  }
}
#else
Heap::Heap() = default;
#endif

size_t Heap::bin_of(size_t size) {
  const size_t units = size / kUnit;
  if (units < kExact) return units;
  const size_t power = 63 - static_cast<size_t>(__builtin_clzll(units));
  return std::min(kBins - 1, kExact + (power - 6) * kSteps + ((units >> (power - 4)) & (kSteps - 1)));
}

void* Heap::take(size_t bytes) {
  const size_t size = round_up(bytes, kUnit) + sizeof(Block);
  {
    std::lock_guard<std::mutex> guard(lock_);
    auto* block = find(size);
    if (block != nullptr) {
      remove(block);
      split(block, size);
    } else {
      block = grow(size);
    }
    if (block != nullptr) {
      block->free = false;
      live_ += block->size;
      peak_ = std::max(peak_, live_);
      return block + 1;
    }
  }
  void* memory = nullptr;
  if (posix_memalign(&memory, kUnit, size) != 0) return nullptr;
  auto* block = static_cast<Block*>(memory);
  block->heap = nullptr;
  return block + 1;
}

void Heap::give(void* memory) {
  auto* block = static_cast<Block*>(memory) - 1;
  if (block->heap == nullptr) return std::free(block);
  block->heap->give_block(block);
}

void Heap::give_block(Block* block) {
  std::lock_guard<std::mutex> guard(lock_);
  live_ -= block->size;
  if (auto* next = behind(block); next != nullptr && next->free) {
    remove(next);
    block->size += next->size;
  }
  if (block->before != 0) {
    auto* previous = reinterpret_cast<Block*>(reinterpret_cast<char*>(block) - block->before);
    if (previous->free) {
      remove(previous);
      previous->size += block->size;
      block = previous;
    }
  }
  if (auto* next = behind(block); next != nullptr) {
    next->before = block->size;
    return insert(block);
  }
  top_ = reinterpret_cast<char*>(block);
  last_ = block->before;
}

#if defined(__linux__)
void Heap::release() {
  std::lock_guard<std::mutex> guard(lock_);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto drop = [&](char* from, char* to) {
    auto* first = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(from), page));
    auto* last = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(to) / page * page);
    if (last > first && static_cast<size_t>(last - first) >= kWorthReleasing) (void)madvise(first, static_cast<size_t>(last - first), MADV_DONTNEED);
  };
  for (auto* at = base_; at < top_;) {
    auto* block = reinterpret_cast<Block*>(at);
    at += block->size;
    if (block->free) drop(reinterpret_cast<char*>(block + 1), at);
  }
  drop(top_, high_);
  high_ = top_;
}
#else
void Heap::release() {}
#endif

size_t Heap::live() {
  std::lock_guard<std::mutex> guard(lock_);
  return live_;
}

size_t Heap::take_peak() {
  std::lock_guard<std::mutex> guard(lock_);
  const auto peak = peak_;
  peak_ = live_;
  return peak;
}

Heap::Block* Heap::behind(Block* block) const {
  auto* next = reinterpret_cast<char*>(block) + block->size;
  return next < top_ ? reinterpret_cast<Block*>(next) : nullptr;
}

// The first bin may hold smaller ones, too; in those behind it every block fits.
Heap::Block* Heap::find(size_t size) {
  const size_t bin = bin_of(size);
  if (auto* block = smallest_of(bin, size)) return block;
  for (size_t word = (bin + 1) / 64; word < kBins / 64; word++) {
    auto bits = filled_[word];
    if (word == (bin + 1) / 64) bits &= ~uint64_t{0} << ((bin + 1) % 64);
    if (bits != 0) return smallest_of(word * 64 + static_cast<size_t>(__builtin_ctzll(bits)), size);
  }
  return nullptr;
}

Heap::Block* Heap::smallest_of(size_t bin, size_t size) const {
  Block* best = nullptr;
  int tried = 0;
  for (auto* block = bins_[bin]; block != nullptr && tried < kTried; block = block->next, tried++)
    if (block->size >= size && (best == nullptr || block->size < best->size)) best = block;
  return best;
}

Heap::Block* Heap::grow(size_t size) {
#if defined(__linux__)
  if (size > static_cast<size_t>(end_ - top_)) return nullptr;
  if (const auto wanted = top_ + size; wanted > open_) {
    const size_t more = std::min(round_up(static_cast<size_t>(wanted - open_), kOpened), static_cast<size_t>(end_ - open_));
    if (mprotect(open_, more, PROT_READ | PROT_WRITE) != 0) return nullptr;
    open_ += more;
  }
  auto* block = reinterpret_cast<Block*>(top_);
  *block = {size, last_, this, nullptr, nullptr, false};
  top_ += size;
  high_ = std::max(high_, top_);
  last_ = size;
  return block;
#else
  (void)size;
  return nullptr;
#endif
}

void Heap::insert(Block* block) {
  const size_t bin = bin_of(block->size);
  block->free = true;
  block->previous = nullptr;
  block->next = bins_[bin];
  if (block->next != nullptr) block->next->previous = block;
  bins_[bin] = block;
  filled_[bin / 64] |= uint64_t{1} << (bin % 64);
}

void Heap::remove(Block* block) {
  const size_t bin = bin_of(block->size);
  if (block->next != nullptr) block->next->previous = block->previous;
  if (block->previous != nullptr) block->previous->next = block->next;
  else bins_[bin] = block->next;
  if (bins_[bin] == nullptr) filled_[bin / 64] &= ~(uint64_t{1} << (bin % 64));
}

// What is left over stays free.
void Heap::split(Block* block, size_t size) {
  const size_t left = block->size - size;
  if (left < sizeof(Block) + kUnit) return;
  block->size = size;
  auto* rest = reinterpret_cast<Block*>(reinterpret_cast<char*>(block) + size);
  *rest = {left, size, this, nullptr, nullptr, true};
  behind(rest)->before = left; // A free block is never the last one.
  insert(rest);
}

}  // namespace vae
