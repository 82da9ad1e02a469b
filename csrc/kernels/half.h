// Floats of half the size, shared by the bodies. Internal linkage: see words.h.
//
// A body's `Isa` gives halves<Half>(values, n, out), which converts as many values as it can, from
// the first on, up to some that becomes infinite; returns how many. Maybe none: what is left is
// converted here.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

constexpr uint32_t kInfinity = 0x7f800000, kMagnitude = 0x7fffffff;

// All bits set if a < b, which are below 2^31.
inline uint32_t less(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(static_cast<int32_t>(a - b) >> 31);
}

// IEEE 754 binary16, of the bits of a binary32, rounded to nearest even. Without branches, so that
// compilers make vector code of it.
struct Float16 {
  static constexpr uint32_t kTooLarge = 0x477ff000;  // from here on it becomes infinite

  static uint32_t of(uint32_t bits) {
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & kMagnitude;
    const uint32_t rebased = magnitude - 0x38000000;  // exponent bias 127 -> 15
    const uint32_t normal = (rebased + 0xfff + (rebased >> 13 & 1)) >> 13;
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;  // the addition rounds
    const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000;
    const uint32_t is_subnormal = less(magnitude, 0x38800000),
                   is_finite = less(magnitude, kTooLarge);
    const uint32_t nan = less(kInfinity, magnitude) & (0x200 | (magnitude >> 13 & 0x1ff));
    const uint32_t finite = (subnormal & is_subnormal) | (normal & ~is_subnormal);
    return sign | (finite & is_finite) | (~is_finite & (0x7c00 | nan));
  }
};

// The upper half of a binary32, likewise.
struct BFloat16 {
  static constexpr uint32_t kTooLarge = 0x7f7f8000;

  static uint32_t of(uint32_t bits) {
    const uint32_t is_nan = less(kInfinity, bits & kMagnitude);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;
    return (nan & is_nan) | (rounded & ~is_nan);
  }
};

// All bits set if the value is finite and would not be as a half.
template <class Half>
inline uint32_t becomes_infinite(uint32_t bits) {
  return ~less(bits & kMagnitude, Half::kTooLarge) & less(bits & kMagnitude, kInfinity);
}

template <class Isa, class Half>
size_t to_half(const float* values, size_t n, uint8_t* out) {
  constexpr size_t kBlock = 16;
  size_t i = Isa::template halves<Half>(values, n, out);
  for (; i + kBlock <= n; i += kBlock) {
    uint32_t bits[kBlock], wrong = 0;
    std::memcpy(bits, values + i, sizeof bits);
    for (uint32_t& value : bits) {
      wrong |= becomes_infinite<Half>(value);
      value = Half::of(value);
    }
    if (wrong != 0) break;
    uint16_t halves[kBlock];
    for (size_t k = 0; k < kBlock; ++k) halves[k] = static_cast<uint16_t>(bits[k]);
    std::memcpy(out + i * sizeof(uint16_t), halves, sizeof halves);
  }
  for (; i < n; ++i) {
    const auto bits = __builtin_bit_cast(uint32_t, values[i]);
    if (becomes_infinite<Half>(bits) != 0) return i;
    const auto half = static_cast<uint16_t>(Half::of(bits));
    std::memcpy(out + i * sizeof half, &half, sizeof half);
  }
  return n;
}

}  // namespace
}  // namespace headrace
