// Mapping: a file's bytes as the system has them in its memory, had without a call for each piece.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "file_view.h"

namespace headrace {

// Addresses to hand to the system, or to copy_mapped(), and for nobody else to read from: of a file
// that is cut meanwhile, touching what is gone ends the process, while a system call only fails
// (landing.h). Any thread.
class Mapping {
 public:
  // Null if there is nothing to map, or the system does not do it.
  static std::unique_ptr<const Mapping> of(const std::string& path);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  uint64_t size() const { return view_.size(); }
  const uint8_t* at(uint64_t offset) const { return view_.begin() + offset; }  // offset < size()

  // Set for ever by who finds that pages are gone (mapped_copier.h).
  std::atomic<bool>& given_up() const { return given_up_; }

  // Whether these bytes are thought to be in memory, at their addresses.
  bool knows(uint64_t offset, uint64_t n) const {
    if (n == 0 || offset >= size() || n > size() - offset) return false;
    for (uint64_t w = window(offset); w <= window(offset + n - 1); ++w) {
      if (!known_[w].load(std::memory_order_relaxed)) return false;
    }
    return true;
  }

  // They have been read just now, and were in memory: that becomes known of them and of what is
  // beside them. False if the system does not do it.
  bool learn(uint64_t offset, uint64_t n) const;

 private:
  // The system maps what it has around a page in one go.
  static constexpr unsigned kWindowBits = 16;

  explicit Mapping(FileView view);
  uint64_t window(uint64_t offset) const { return (inset_ + offset) >> kWindowBits; }

  const FileView view_;
  mutable std::atomic<bool> given_up_{false};
  const uint64_t inset_;  // of the beginning in its window
  const std::unique_ptr<std::atomic<bool>[]> known_;
};

}  // namespace headrace
