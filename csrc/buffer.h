// Buffer: owned memory for batches, recycled through one pool of the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace headrace {

enum class Pages : uint8_t {
  kOrdinary,
  kLocked,  // copies between them and a GPU run by themselves
};

// Owns its memory; the destructor gives it back to the pool, from any thread. Contents of a fresh
// buffer are unspecified. At least 64-byte aligned; 2 MiB-aligned and huge-page friendly from
// 2 MiB on.
class Buffer {
 public:
  Buffer() = default;
  // Page-locked memory that cannot be had is ordinary memory.
  explicit Buffer(size_t size, Pages wanted = Pages::kOrdinary);

  uint8_t* data() const { return memory_.get(); }
  size_t capacity() const { return memory_.get_deleter().capacity; }
  Pages pages() const { return memory_.get_deleter().pages; }
  explicit operator bool() const { return static_cast<bool>(memory_); }

  // Whether somebody may have started a copy to a GPU that reads the memory when the buffer is
  // already gone: page-locked memory then waits for that before it is used again.
  void lend(bool lent) { memory_.get_deleter().lent = lent; }

 private:
  struct Recycle {
    Recycle() : Recycle(0, Pages::kOrdinary) {}
    Recycle(size_t capacity, Pages pages) : capacity(capacity), pages(pages), lent(false) {}
    size_t capacity;
    Pages pages;
    bool lent;
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t[], Recycle> memory_;
};

// Of ordinary memory; LockedPages has its own.
struct PoolStats {
  size_t in_use = 0;      // bytes handed out
  size_t free = 0;        // bytes kept for reuse
  size_t peak = 0;        // largest in_use so far
  uint64_t fresh = 0;     // requests that the system had to answer
  uint64_t recycled = 0;  // requests answered from the free list
};
PoolStats pool_stats();

// Gives the free buffers back to the system.
void trim_pool();

}  // namespace headrace
