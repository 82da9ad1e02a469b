#include "locked_pages.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace headrace {
namespace {

constexpr size_t kHuge = size_t{2} << 20;
constexpr size_t kLeast = size_t{64} << 10;        // of a registration
constexpr size_t kFreeLimit = size_t{768} << 20;   // bytes kept on the shelves
constexpr size_t kWorthAWait = size_t{256} << 20;  // bytes in quarantine

size_t most_locked() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) *
                              static_cast<size_t>(sysconf(_SC_PAGE_SIZE)) / 2;
  return bytes;
}

// Pages of its own: a page that is registered twice is an error of the driver's.
uint8_t* map(size_t size) {
  const size_t slack = size >= kHuge ? kHuge : 0;
  void* const raw =
      mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto* start = static_cast<uint8_t*>(raw);
  if (slack != 0) {
    uint8_t* const aligned = start + (kHuge - reinterpret_cast<uintptr_t>(start) % kHuge) % kHuge;
    const auto before = static_cast<size_t>(aligned - start);
    if (before != 0) munmap(start, before);
    if (slack != before) munmap(aligned + size, slack - before);
    start = aligned;
  }
#ifdef MADV_HUGEPAGE
  if (slack != 0) madvise(start, size, MADV_HUGEPAGE);
#endif
#ifdef MADV_DONTFORK
  // If a child shared the pages, the parent's next write would go to a copy of them, and the GPU
  // would go on reading the old ones.
  madvise(start, size, MADV_DONTFORK);
#endif
  return start;
}

}  // namespace

LockedPages& LockedPages::of_process() {
  static LockedPages* const instance = [] {  // arrays may outlive static destructors
    pthread_atfork([] { of_process().mutex_.lock(); }, [] { of_process().mutex_.unlock(); },
                   [] { of_process().forget(); });
    return new LockedPages;
  }();
  return *instance;
}

size_t LockedPages::capacity_for(size_t size) {
  const size_t least = std::max(size, kLeast);
  const size_t step = std::max(std::bit_floor(least - 1) / 4, kLeast);
  const size_t rounded = (least + step - 1) / step * step;
  return rounded >= kHuge ? (rounded + kHuge - 1) / kHuge * kHuge : rounded;
}

uint8_t* LockedPages::take(size_t capacity) {
  if (uint8_t* const memory = from_shelf(capacity)) return memory;
  collect();
  if (uint8_t* const memory = from_shelf(capacity)) return memory;
  if (!CudaDriver::of_process().can_mark()) {
    wait_for_released();
    if (uint8_t* const memory = from_shelf(capacity)) return memory;
  }
  return fresh(capacity);
}

uint8_t* LockedPages::from_shelf(size_t capacity) {
  std::lock_guard lock(mutex_);
  return shelves_.take(capacity);
}

uint8_t* LockedPages::fresh(size_t capacity) {
  CudaDriver& driver = CudaDriver::of_process();
  {
    std::lock_guard lock(mutex_);
    if (refused_ || forked_ || stats_.registered + capacity > most_locked()) return nullptr;
    asked_ = true;
  }
  if (!driver.has_context()) return nullptr;
  uint8_t* const memory = map(capacity);
  if (memory == nullptr) return nullptr;
  const bool locked = driver.lock_pages(memory, capacity);
  if (!locked) munmap(memory, capacity);
  std::lock_guard lock(mutex_);
  if (!locked) {
    refused_ = true;
    return nullptr;
  }
  stats_.registered += capacity;
  ++stats_.registrations;
  return memory;
}

void LockedPages::give(uint8_t* memory, size_t capacity, bool lent) {
  std::lock_guard lock(mutex_);
  if (forked_) return;  // the parent's; it is not even mapped here
  // What is too much goes the long way, too: its end is for a thread that makes batches.
  if (lent || shelves_.bytes() + capacity > kFreeLimit) {
    released_.push_back({memory, capacity});
    waiting_ += capacity;
  } else {
    shelves_.put(memory, capacity);
  }
}

void LockedPages::mark() {
  CudaDriver& driver = CudaDriver::of_process();
  std::vector<Item> items;
  {
    std::lock_guard lock(mutex_);
    if (released_.empty() || marking_ || !driver.can_mark()) return;
    marking_ = true;
    items.reserve(256);
    items.swap(released_);
  }
  std::optional<CudaDriver::Mark> mark = driver.mark();
  std::lock_guard lock(mutex_);
  marking_ = false;
  if (mark) {
    groups_.push_back({std::move(*mark), std::move(items)});
  } else {
    released_.insert(released_.end(), items.begin(), items.end());
  }
}

void LockedPages::collect() {
  CudaDriver& driver = CudaDriver::of_process();
  std::unique_lock lock(mutex_);
  if (collecting_) return;
  collecting_ = true;
  while (!groups_.empty()) {
    Group group = std::move(groups_.front());
    groups_.pop_front();
    lock.unlock();
    const CudaDriver::Progress progress = driver.progress(group.mark);
    // Where nobody can say what the GPU still reads, the memory is never used again.
    if (progress == CudaDriver::Progress::kPassed) {
      driver.recycle(std::move(group.mark));
      shelve(std::move(group.items));
    }
    lock.lock();
    if (progress == CudaDriver::Progress::kPending) {
      groups_.push_front(std::move(group));
      break;
    }
  }
  collecting_ = false;
}

void LockedPages::wait_for_released() {
  std::vector<Item> items;
  {
    std::lock_guard lock(mutex_);
    if (released_.empty() || waiting_ < kWorthAWait) return;
    items.swap(released_);
  }
  if (CudaDriver::of_process().wait()) {
    shelve(std::move(items));
  } else {
    std::lock_guard lock(mutex_);
    released_.insert(released_.end(), items.begin(), items.end());
  }
}

void LockedPages::shelve(std::vector<Item> items) {
  std::vector<Item> surplus;
  {
    std::lock_guard lock(mutex_);
    for (const Item& item : items) {
      waiting_ -= item.capacity;
      if (shelves_.bytes() + item.capacity <= kFreeLimit) {
        shelves_.put(item.memory, item.capacity);
      } else {
        surplus.push_back(item);
      }
    }
  }
  unlock(surplus);
}

// Gives them back to the system; what the driver holds on to is kept for use.
void LockedPages::unlock(const std::vector<Item>& items) {
  for (const Item& item : items) {
    const bool unlocked = CudaDriver::of_process().unlock_pages(item.memory);
    if (unlocked) munmap(item.memory, item.capacity);
    std::lock_guard lock(mutex_);
    if (unlocked) {
      stats_.registered -= item.capacity;
    } else {
      shelves_.put(item.memory, item.capacity);
    }
  }
}

void LockedPages::trim() {
  std::vector<Item> items;
  {
    std::lock_guard lock(mutex_);
    shelves_.clear([&](uint8_t* memory, size_t capacity) { items.push_back({memory, capacity}); });
  }
  unlock(items);
}

std::string LockedPages::missing() {
  CudaDriver& driver = CudaDriver::of_process();
  if (!driver.missing().empty()) return driver.missing();
  {
    std::lock_guard lock(mutex_);
    if (forked_) return "this process was forked from one that uses page-locked memory";
    if (refused_) return "the CUDA driver refuses to lock more memory";
    asked_ = true;
  }
  return driver.has_context() ? "" : "nothing in this process has used a GPU yet";
}

LockedPages::Stats LockedPages::stats() {
  std::lock_guard lock(mutex_);
  stats_.free = shelves_.bytes();
  stats_.waiting = waiting_;
  return stats_;
}

void LockedPages::forget() {
  // Nothing of the parent's is mapped here.
  forked_ = asked_;
  shelves_.clear([](uint8_t*, size_t) {});
  released_.clear();
  groups_.clear();
  stats_ = {};
  waiting_ = 0;
  collecting_ = marking_ = false;
  mutex_.unlock();
}

}  // namespace headrace
