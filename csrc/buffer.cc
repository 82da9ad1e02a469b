#include "buffer.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

#include "locked_pages.h"
#include "shelves.h"

namespace headrace {
namespace {

constexpr size_t kHuge = size_t{2} << 20;
constexpr size_t kFreeLimit = size_t{768} << 20;  // bytes kept for reuse
constexpr size_t kSpare = size_t{128} << 20;      // of those, beside as much as was in use at once

// Sizes are rounded up to one of four steps per power of two, so that batches of nearly equal
// sizes (ragged ones) find each other's buffers again.
size_t size_class(size_t size) {
  if (size <= 4096) return 4096;
  const size_t step = std::bit_floor(size - 1) / 4;
  const size_t rounded = (size + step - 1) / step * step;
  return rounded >= kHuge ? (rounded + kHuge - 1) / kHuge * kHuge : rounded;
}

// Large buffers are mapped by themselves, aligned so that huge pages fit: advice given on heap
// memory would outlive the buffer.
uint8_t* system_allocate(size_t size) {
  if (size < kHuge) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 4096, size) != 0) throw std::bad_alloc();
    return static_cast<uint8_t*>(memory);
  }
  void* const raw =
      mmap(nullptr, size + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  uint8_t* const start = static_cast<uint8_t*>(raw);
  uint8_t* const aligned = start + (kHuge - reinterpret_cast<uintptr_t>(start) % kHuge) % kHuge;
  if (aligned != start) munmap(start, static_cast<size_t>(aligned - start));
  const size_t behind = kHuge - static_cast<size_t>(aligned - start);
  if (behind != 0) munmap(aligned + size, behind);
#ifdef MADV_HUGEPAGE
  madvise(aligned, size, MADV_HUGEPAGE);
#endif
  return aligned;
}

void system_free(uint8_t* memory, size_t size) {
  if (size < kHuge) {
    std::free(memory);
  } else {
    munmap(memory, size);
  }
}

// A leaked singleton, for Python may drop its last arrays after static destructors have run.
class Pool {
 public:
  uint8_t* take(size_t capacity) {
    {
      std::lock_guard lock(mutex_);
      stats_.in_use += capacity;
      stats_.peak = std::max(stats_.peak, stats_.in_use);
      if (uint8_t* const memory = shelves_.take(capacity)) {
        ++stats_.recycled;
        return memory;
      }
      ++stats_.fresh;
      // Sizes that nobody asks for any more make way for others.
      const size_t all = stats_.in_use + shelves_.bytes(), most = stats_.peak + kSpare;
      if (all > most) shelves_.shed(all - most, system_free);
    }
    return system_allocate(capacity);
  }

  void give(uint8_t* memory, size_t capacity) {
    {
      std::lock_guard lock(mutex_);
      stats_.in_use -= capacity;
      if (shelves_.bytes() + capacity <= kFreeLimit) {
        shelves_.put(memory, capacity);
        return;
      }
    }
    system_free(memory, capacity);
  }

  void trim() {
    std::lock_guard lock(mutex_);
    shelves_.clear(system_free);
  }

  PoolStats stats() {
    std::lock_guard lock(mutex_);
    stats_.free = shelves_.bytes();
    return stats_;
  }

  // Around fork(): no thread of the parent may hold the lock while the child is copied.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  Shelves shelves_;
  PoolStats stats_;
};

Pool& pool() {
  static Pool* const instance = [] {
    pthread_atfork([] { pool().lock(); }, [] { pool().unlock(); }, [] { pool().unlock(); });
    return new Pool;
  }();
  return *instance;
}

}  // namespace

Buffer::Buffer(size_t size, Pages wanted) {
  if (wanted == Pages::kLocked) {
    const size_t capacity = LockedPages::capacity_for(size);
    if (uint8_t* const memory = LockedPages::of_process().take(capacity)) {
      memory_ = {memory, Recycle(capacity, Pages::kLocked)};
      return;
    }
  }
  const size_t capacity = size_class(size);
  memory_ = {pool().take(capacity), Recycle(capacity, Pages::kOrdinary)};
}

void Buffer::Recycle::operator()(uint8_t* memory) const {
  if (pages == Pages::kLocked) {
    LockedPages::of_process().give(memory, capacity, lent);
  } else {
    pool().give(memory, capacity);
  }
}

PoolStats pool_stats() { return pool().stats(); }

void trim_pool() {
  pool().trim();
  LockedPages::of_process().trim();
}

}  // namespace headrace
