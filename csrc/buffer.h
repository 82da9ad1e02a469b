// Buffer: owned memory for batches, recycled through one pool of the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace headrace {

// Owns its memory; the destructor gives it back to the pool, from any thread. Contents of a fresh
// buffer are unspecified. At least 64-byte aligned; 2 MiB-aligned and huge-page friendly from
// 2 MiB on.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t size);

  uint8_t* data() const { return memory_.get(); }
  size_t capacity() const { return memory_.get_deleter().capacity; }
  explicit operator bool() const { return static_cast<bool>(memory_); }

 private:
  struct Recycle {
    Recycle() : capacity(0) {}
    explicit Recycle(size_t capacity) : capacity(capacity) {}
    size_t capacity;
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t[], Recycle> memory_;
};

struct PoolStats {
  size_t in_use = 0;     // bytes handed out
  size_t free = 0;       // bytes kept for reuse
  size_t peak = 0;       // largest in_use so far
  uint64_t fresh = 0;    // requests that the system had to answer
  uint64_t recycled = 0; // requests answered from the free list
};
PoolStats pool_stats();

// Gives the free buffers back to the system.
void trim_pool();

}  // namespace headrace
