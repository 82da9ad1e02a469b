// Bytes: the borrowed view that every room passes on, and little-endian loads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace headrace {

static_assert(std::endian::native == std::endian::little,
              "TFRecord and protobuf are little-endian; loads are not swapped");

// A span of memory owned by somebody else. Valid as long as its owner says so.
struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;

  std::string_view text() const { return {reinterpret_cast<const char*>(data), size}; }
};

// Readable bytes that every block guarantees behind its last record, so that kernels may load
// whole words past the end of a value.
inline constexpr size_t kSlop = 64;

inline uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline uint64_t load64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace headrace
