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

  // Of a regular file, or of [offset, offset + size) and perhaps bytes before it; empty if there is
  // nothing to show, or the system does not do it. Needs the descriptor no longer.
  static FileView of(int descriptor, uint64_t size) { return of(descriptor, 0, size); }
  static FileView of(int descriptor, uint64_t offset, uint64_t size);

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

  // What comes into memory because of this view comes in large pages, as far as the system has
  // them, and in requests of 2 MiB. False if it takes no such wish.
  bool ask_for_large_pages() const;

  // Waits until [begin, begin + n) of what is shown is in memory. False if the system does not do
  // it, or cannot.
  bool bring(uint64_t begin, uint64_t n) const;

  explicit operator bool() const { return begin_ != nullptr; }
  const uint8_t* begin() const { return begin_; }
  uint64_t size() const { return size_; }

 private:
  const uint8_t* begin_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace headrace
