// Landing: memory that pieces of mapped files are copied to, many with one call of the system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bytes.h"

namespace headrace {

// Of one thread, reused. The system does the copying: a piece that its file has lost is no signal
// that ends the process, but a call that fails. For that the memory is a file of its own, which
// lies nowhere but in memory.
class Landing {
 public:
  Landing() = default;
  ~Landing();
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  // Makes data() have n bytes, whatever it held. False if the system has no such memory.
  bool reserve(size_t n);
  uint8_t* data() const { return data_; }

  // Copies the pieces to data() + begin, one behind the other. False if one of them cannot be had.
  bool gather(std::span<const ByteView> pieces, size_t begin);

 private:
  void release();

  int descriptor_ = -1;
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace headrace
