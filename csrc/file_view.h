// FileView: memory in which the system shows a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace headrace {

// Of a file that is cut meanwhile, touching what is gone ends the process, but for who has a guard
// (bus_guard.h); a system call that is given such an address only fails (landing.h).
class FileView {
 public:
  FileView() = default;

  // Of a regular file; empty if there is nothing to show, or the system does not do it. Needs the
  // descriptor no longer.
  static FileView of(int descriptor, uint64_t size);

  FileView(FileView&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  FileView& operator=(FileView&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~FileView();

  // How often this thread has had to wait for a device, for what was shown was not in memory.
  static long waits();

  explicit operator bool() const { return begin_ != nullptr; }
  const uint8_t* begin() const { return begin_; }
  uint64_t size() const { return size_; }

 private:
  const uint8_t* begin_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace headrace
