#include "growing_array.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bytes.h"

namespace headrace {

GrowingArray::Room GrowingArray::reserve(size_t size, size_t expected) {
  const size_t begin = size_;
  size_ += size;
  if (!memory_) {
    room_ = std::max(size, expected);
    memory_ = Buffer(room_ + kSlop, pages_);
    room_ = memory_.capacity() - kSlop;
  }
  if (size_ <= room_) return {memory_.data() + begin, begin};
  overflows_.push_back({Buffer(size + kSlop), begin, size});
  return {overflows_.back().memory.data(), begin};
}

void GrowingArray::join() {
  if (!memory_) memory_ = Buffer(kSlop, pages_);
  if (overflows_.empty()) return;
  Buffer whole(size_ + kSlop, pages_);
  std::memcpy(whole.data(), memory_.data(), overflows_.front().begin);
  for (const Overflow& part : overflows_) {
    std::memcpy(whole.data() + part.begin, part.memory.data(), part.size);
  }
  memory_ = std::move(whole);
  overflows_.clear();
}

void GrowingArray::clear() {
  memory_ = Buffer();
  room_ = size_ = 0;
  overflows_.clear();
}

}  // namespace headrace
