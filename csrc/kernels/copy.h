// Copies past the caches. Internal linkage: see words.h.
#pragma once

#include "kernels/words.h"

namespace headrace {
namespace {

// `Isa::copy_line(to, from)` copies 64 bytes to an aligned place.
template <class Isa>
void copy_far(uint8_t* to, const uint8_t* from, size_t n) {
  constexpr size_t kLine = 64;
  const size_t head = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
  if (n < head + kLine) {
    std::memcpy(to, from, n);
    return;
  }
  std::memcpy(to, from, head);
  to += head, from += head, n -= head;
  for (; n >= kLine; to += kLine, from += kLine, n -= kLine) Isa::copy_line(to, from);
  std::memcpy(to, from, n);
}

// For CPUs without such stores.
[[maybe_unused]] void copy_near(uint8_t* to, const uint8_t* from, size_t n) {
  std::memcpy(to, from, n);
}
[[maybe_unused]] void nothing_to_end() {}

}  // namespace
}  // namespace headrace
