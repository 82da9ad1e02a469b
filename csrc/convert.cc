#include "convert.h"

#include <algorithm>
#include <cstring>

#include "kernels/kernels.h"

namespace headrace {
namespace {

// Writes values[0, n) as T, up to the first of which `wrong` is not 0; returns how many. Blocks are
// written without a branch on each value, so that compilers make vector code of it.
template <class T, class Wrong>
size_t narrow_unless(const int64_t* values, size_t n, uint8_t* out, const Wrong& wrong) {
  constexpr size_t kBlock = 16;
  size_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    T block[kBlock];
    uint64_t any = 0;
    for (size_t k = 0; k < kBlock; ++k) {
      block[k] = static_cast<T>(values[i + k]);
      any |= wrong(values[i + k]);
    }
    if (any != 0) break;
    std::memcpy(out + i * sizeof(T), block, sizeof block);
  }
  for (; i < n && wrong(values[i]) == 0; ++i) {
    const auto value = static_cast<T>(values[i]);
    std::memcpy(out + i * sizeof(T), &value, sizeof value);
  }
  return i;
}

template <class T>
size_t narrow(const int64_t* values, size_t n, uint8_t* out) {
  return narrow_unless<T>(values, n, out, [](int64_t value) {
    if constexpr (sizeof(T) == sizeof value) return value & INT64_MIN;  // unsigned: no sign
    return static_cast<int64_t>(static_cast<T>(value)) ^ value;
  });
}

size_t to_bool(const int64_t* values, size_t n, uint8_t* out) {
  return narrow_unless<uint8_t>(values, n, out, [](int64_t value) { return value & ~int64_t{1}; });
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
      return kernels().to_float16(values, n, out);
    case Type::kBFloat16:
      return kernels().to_bfloat16(values, n, out);
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
