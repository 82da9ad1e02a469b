// Shelves: free memory by its capacity.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace headrace {

// LIFO: the memory that was touched last is the warmest. Does not own what lies on it. One thread
// at a time.
class Shelves {
 public:
  uint8_t* take(size_t capacity) {  // null: there is none
    Shelf& shelf = shelf_of(capacity);
    shelf.asked = ++takes_;
    auto& memory = shelf.memory;
    if (memory.empty()) return nullptr;
    uint8_t* const last = memory.back();
    memory.pop_back();
    bytes_ -= capacity;
    return last;
  }

  void put(uint8_t* memory, size_t capacity) {
    shelf_of(capacity).memory.push_back(memory);
    bytes_ += capacity;
  }

  size_t bytes() const { return bytes_; }

  // Takes at least so many bytes, if there are so many, of what nobody has asked for the longest
  // time: release(memory, capacity) is called for each.
  template <class Release>
  void shed(size_t bytes, Release release) {
    for (size_t left = std::min(bytes, bytes_); left != 0;) {
      Shelf& shelf =
          *std::min_element(shelves_.begin(), shelves_.end(), [](const Shelf& a, const Shelf& b) {
            if (a.memory.empty()) return false;
            return b.memory.empty() || a.asked < b.asked;
          });
      const size_t n = std::min(shelf.memory.size(), (left - 1) / shelf.capacity + 1);
      for (size_t i = 0; i < n; ++i) release(shelf.memory[i], shelf.capacity);
      shelf.memory.erase(shelf.memory.begin(), shelf.memory.begin() + static_cast<ptrdiff_t>(n));
      bytes_ -= n * shelf.capacity;
      left -= std::min(left, n * shelf.capacity);
    }
  }

  // Takes all: release(memory, capacity) is called for each.
  template <class Release>
  void clear(Release release) {
    for (Shelf& shelf : shelves_) {
      for (uint8_t* memory : shelf.memory) release(memory, shelf.capacity);
      shelf.memory.clear();
    }
    bytes_ = 0;
  }

 private:
  struct Shelf {
    size_t capacity = 0;
    std::vector<uint8_t*> memory;
    uint64_t asked = 0;  // by the latest take()
  };

  Shelf& shelf_of(size_t capacity) {
    for (Shelf& shelf : shelves_)
      if (shelf.capacity == capacity) return shelf;
    shelves_.push_back({capacity, {}, 0});
    shelves_.back().memory.reserve(64);
    return shelves_.back();
  }

  std::vector<Shelf> shelves_;
  size_t bytes_ = 0;
  uint64_t takes_ = 0;
};

}  // namespace headrace
