// GrowingArray: an array that grows while parts of it are being written.
//
// What does not fit in its memory goes to memory of its own, and all is joined when the last writer
// is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "buffer.h"

namespace headrace {

class GrowingArray {
 public:
  explicit GrowingArray(Pages pages = Pages::kOrdinary) : pages_(pages) {}

  // Room for `size` more bytes, and where they begin in the whole. `expected` sizes the memory of
  // the first call. One thread at a time; the room is valid until join().
  struct Room {
    uint8_t* data;
    size_t begin;
  };
  Room reserve(size_t size, size_t expected);

  void join();   // afterwards memory() holds size() bytes
  void clear();  // gives its memory back
  size_t size() const { return size_; }
  Buffer& memory() { return memory_; }

 private:
  struct Overflow {
    Buffer memory;
    size_t begin, size;
  };
  Pages pages_;
  Buffer memory_;
  size_t room_ = 0;  // of memory_
  size_t size_ = 0;
  std::vector<Overflow> overflows_;
};

}  // namespace headrace
