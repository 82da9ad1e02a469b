// Copies whose CRC-32C is wanted. Internal linkage: see words.h.
//
// A body's `Isa` gives, besides what crc32c.h says, copy_lines<far>(state, to, from, n): copies n
// bytes, a multiple of kLines and not 0, to a place that is aligned if it is far, and reads each
// byte once. Returns the state behind them.
#pragma once

#include "kernels/crc32c.h"

namespace headrace {
namespace {

// The CRC is that of the copy, to which nobody else writes.
template <class Isa>
uint32_t copy_then_crc32c(uint32_t crc, uint8_t* to, const uint8_t* from, size_t n) {
  std::memcpy(to, from, n);
  return crc32c<Isa>(crc, to, n);
}

template <class Isa>
uint32_t copy_crc32c(uint32_t crc, uint8_t* to, const uint8_t* from, size_t n, bool far) {
  const size_t head = far ? (64 - reinterpret_cast<uintptr_t>(to) % 64) % 64 : 0;
  if (n >= head + Isa::kLines) {
    crc = copy_then_crc32c<Isa>(crc, to, from, head);
    to += head, from += head, n -= head;
    const size_t lines = n / Isa::kLines * Isa::kLines;
    CrcState state = static_cast<uint32_t>(~crc);
    state = far ? Isa::template copy_lines<true>(state, to, from, lines)
                : Isa::template copy_lines<false>(state, to, from, lines);
    crc = ~static_cast<uint32_t>(state);
    to += lines, from += lines, n -= lines;
  }
  return copy_then_crc32c<Isa>(crc, to, from, n);
}

}  // namespace
}  // namespace headrace
