#include "convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace headrace {
namespace {

// Not 0 if they differ.
template <class T>
uint64_t difference(T narrow, int64_t wide) {
  if constexpr (sizeof(T) == sizeof wide) return wide < 0;  // unsigned ones have no sign
  return static_cast<uint64_t>(static_cast<int64_t>(narrow) ^ wide);
}

template <class T>
size_t narrow(const int64_t* values, size_t n, uint8_t* out) {
  constexpr size_t kBlock = 16;
  size_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {  // without a branch on each
    T block[kBlock];
    uint64_t different = 0;
    for (size_t k = 0; k < kBlock; ++k) {
      block[k] = static_cast<T>(values[i + k]);
      different |= difference(block[k], values[i + k]);
    }
    if (different != 0) break;
    std::memcpy(out + i * sizeof(T), block, sizeof block);
  }
  for (; i < n; ++i) {
    const auto value = static_cast<T>(values[i]);
    if (difference(value, values[i]) != 0) return i;
    std::memcpy(out + i * sizeof(T), &value, sizeof(T));
  }
  return n;
}

size_t to_bool(const int64_t* values, size_t n, uint8_t* out) {
  for (size_t i = 0; i < n; ++i) {
    if (values[i] != 0 && values[i] != 1) return i;
    out[i] = static_cast<uint8_t>(values[i]);
  }
  return n;
}

// IEEE 754 binary16, round to nearest even.
uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {  // subnormal: the addition rounds
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  const uint32_t rebased = magnitude - 0x38000000;  // exponent bias 127 -> 15
  return static_cast<uint16_t>(sign | (rebased + 0xfff + (rebased >> 13 & 1)) >> 13);
}

// The upper half of binary32, round to nearest even.
uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <uint16_t convert(float), uint16_t infinity>
size_t to_half(const float* values, size_t n, uint8_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const uint16_t half = convert(values[i]);
    if ((half & 0x7fff) == infinity && !std::isinf(values[i])) return i;
    std::memcpy(out + i * sizeof half, &half, sizeof half);
  }
  return n;
}

}  // namespace

size_t convert_int64s(const int64_t* values, size_t n, Type type, uint8_t* out) {
  switch (type) {
    case Type::kBool:
      return to_bool(values, n, out);
    case Type::kInt8:
      return narrow<int8_t>(values, n, out);
    case Type::kInt16:
      return narrow<int16_t>(values, n, out);
    case Type::kInt32:
      return narrow<int32_t>(values, n, out);
    case Type::kUInt8:
      return narrow<uint8_t>(values, n, out);
    case Type::kUInt16:
      return narrow<uint16_t>(values, n, out);
    case Type::kUInt32:
      return narrow<uint32_t>(values, n, out);
    case Type::kUInt64:
      return narrow<uint64_t>(values, n, out);
    default:
      std::memcpy(out, values, n * sizeof(int64_t));
      return n;
  }
}

size_t convert_floats(const float* values, size_t n, Type type, uint8_t* out) {
  switch (type) {
    case Type::kFloat16:
      return to_half<to_float16, 0x7c00>(values, n, out);
    case Type::kBFloat16:
      return to_half<to_bfloat16, 0x7f80>(values, n, out);
    case Type::kFloat64:
      for (size_t i = 0; i < n; ++i) {
        const double value = values[i];
        std::memcpy(out + i * sizeof value, &value, sizeof value);
      }
      return n;
    default:
      std::memcpy(out, values, n * sizeof(float));
      return n;
  }
}

void swap_bytes(uint8_t* numbers, size_t n, Type type) {
  size_t size = size_of(type);
  if (type == Type::kComplex64 || type == Type::kComplex128) {
    size /= 2;
    n *= 2;
  }
  for (size_t i = 0; i < n; ++i) std::reverse(numbers + i * size, numbers + (i + 1) * size);
}

}  // namespace headrace
