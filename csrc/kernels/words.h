// Loads for the kernel bodies.
//
// Bodies are compiled with wider instruction sets than the rest, so whatever they share has
// internal linkage: of an ordinary inline function the linker keeps one copy, possibly one that
// only some CPUs can run. For the same reason a body calls no inline function of the standard
// library and not those of bytes.h; a test looks for such symbols in the bodies' object files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace headrace {
namespace {

inline uint64_t word(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline uint32_t half_word(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// The n < 8 bytes at p as the low bytes of a word; nothing outside them is read.
inline uint64_t partial_word(const uint8_t* p, size_t n) {
  if (n >= 4) return half_word(p) | uint64_t{half_word(p + n - 4)} << (8 * (n - 4));
  if (n == 0) return 0;
  return p[0] | uint64_t{p[n / 2]} << (8 * (n / 2)) | uint64_t{p[n - 1]} << (8 * (n - 1));
}

}  // namespace
}  // namespace headrace
