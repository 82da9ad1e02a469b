// Unpacked lists of varints, shared by the bodies. Internal linkage: see words.h. Of a body's `Isa`
// see varint.h.
#pragma once

#include "kernels/varint.h"

namespace headrace {
namespace {

constexpr uint8_t kUnpackedTag = 0x08;

template <class Isa>
bool decode_unpacked(const uint8_t* p, size_t n, int64_t* out) {
  // Each turn starts at a tag and decodes the pairs that end within 64 bytes.
  for (const uint8_t* end = p + n; p != end;) {
    size_t left = static_cast<size_t>(end - p);
    uint64_t inside = left >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} << left);
    uint64_t more = Isa::continued(p) & inside;
    uint64_t long_ones = eight_continue(more);
    if ((long_ones & long_ones >> 2) != 0) return false;
    size_t start = 0;
    // A tag that is right is the first that ends.
    for (uint64_t ends = ~more & inside; (ends &= ends - 1) != 0; ends &= ends - 1) {
      if (p[start] != kUnpackedTag) return false;
      size_t next = static_cast<size_t>(__builtin_ctzll(ends)) + 1;
      const uint8_t* value = p + start + 1;
      const size_t size = next - start - 1;
      *out++ = long_ones == 0 ? static_cast<int64_t>(Isa::extract(word(value), kMasks.low[size]))
                              : varint_value<Isa>(value, size);
      start = next;
    }
    if (start == 0) return false;
    p += start;
  }
  return true;
}

}  // namespace
}  // namespace headrace
