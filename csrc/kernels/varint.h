// Base-128 varints, shared by the bodies. Internal linkage: see words.h.
//
// A body's `Isa` gives terminators(p), a bit for each of the 64 bytes at p that ends a varint, and
// extract(word, mask), which packs the bits under the mask: 7 of each of the word's low bytes.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

constexpr size_t kMaxVarint = 10;

// Masks for a varint of a given size over its first 8 bytes (low) and the 2 behind them (high).
struct VarintShape {
  uint64_t low = 0;       // value bits
  uint64_t low_tops = 0;  // top bits of its bytes
  uint64_t low_more = 0;  // those of them that must be set
  uint16_t high = 0;
  uint16_t high_tops = 0;
  uint16_t high_more = 0;
};

struct VarintShapes {
  VarintShape of_size[kMaxVarint + 1];

  constexpr VarintShapes() : of_size() {
    for (size_t size = 1; size <= kMaxVarint; ++size) {
      VarintShape& shape = of_size[size];
      for (size_t i = 0; i < size; ++i) {
        uint64_t value = 0x7f, top = 0x80, more = i + 1 < size ? top : 0;
        if (i < 8) {
          shape.low |= value << (8 * i);
          shape.low_tops |= top << (8 * i);
          shape.low_more |= more << (8 * i);
        } else {
          shape.high = static_cast<uint16_t>(shape.high | value << (8 * (i - 8)));
          shape.high_tops = static_cast<uint16_t>(shape.high_tops | top << (8 * (i - 8)));
          shape.high_more = static_cast<uint16_t>(shape.high_more | more << (8 * (i - 8)));
        }
      }
    }
  }
};

constexpr VarintShapes kShapes;

// Packs the low 7 bits of 8 bytes with shifts, for CPUs without an instruction for it.
inline uint64_t extract_by_shifts(uint64_t w, uint64_t mask) {
  w &= mask;
  w = (w & 0x007f007f007f007f) | (w & 0x7f007f007f007f00) >> 1;
  w = (w & 0x00003fff00003fff) | (w & 0x3fff00003fff0000) >> 2;
  return (w & 0x000000000fffffff) | (w & 0x0fffffff00000000) >> 4;
}

inline uint64_t high_word(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p + 8, sizeof v);
  return v;
}

// The value of a varint with this shape. Of its tenth byte only one bit fits into 64.
template <class Isa>
inline int64_t varint_value(uint64_t low, uint64_t high, const VarintShape& shape) {
  high &= shape.high;
  return static_cast<int64_t>(Isa::extract(low, shape.low) | high << 56 | high >> 8 << 63);
}

template <class Isa>
size_t count_varints(const uint8_t* p, size_t n) {
  size_t count = 0;
  for (; n >= 64; p += 64, n -= 64) count += __builtin_popcountll(Isa::terminators(p));
  constexpr uint64_t kTop = 0x8080808080808080;
  for (; n >= 8; p += 8, n -= 8) count += __builtin_popcountll(~word(p) & kTop);
  return count + __builtin_popcountll(~partial_word(p, n) & kTop & ~(~uint64_t{0} << (8 * n)));
}

template <class Isa>
bool decode_varints(const uint8_t* p, size_t n, int64_t* out) {
  // Each turn starts at a varint's first byte and decodes those that end within 64 bytes.
  for (const uint8_t* end = p + n; p != end;) {
    size_t left = static_cast<size_t>(end - p);
    uint64_t inside = left >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} << left);
    uint64_t ends = Isa::terminators(p) & inside;
    if (ends == ~uint64_t{0}) {
      for (size_t i = 0; i < 64; ++i) out[i] = p[i];
      p += 64;
      out += 64;
      continue;
    }
    // Bit i: bytes i to i + 1, then to i + 3, then to i + 7 all continue a varint.
    uint64_t more = ~ends & inside;
    more &= more >> 1;
    more &= more >> 2;
    more &= more >> 4;
    size_t start = 0;
    if (more == 0) {
      do {
        size_t next = static_cast<size_t>(__builtin_ctzll(ends)) + 1;
        *out++ =
            static_cast<int64_t>(Isa::extract(word(p + start), kShapes.of_size[next - start].low));
        start = next;
      } while ((ends &= ends - 1) != 0);
    } else {
      if ((more & more >> 2) != 0) return false;  // ten bytes continue
      do {
        size_t next = static_cast<size_t>(__builtin_ctzll(ends)) + 1;
        const uint8_t* q = p + start;
        *out++ = varint_value<Isa>(word(q), high_word(q), kShapes.of_size[next - start]);
        start = next;
      } while ((ends &= ends - 1) != 0);
    }
    p += start;
  }
  return true;
}

template <class Isa>
size_t decode_single_varints(const uint8_t* block, uint64_t* cells, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    uint64_t size = cells[i] >> 32;
    if (size - 1 >= kMaxVarint) return i;
    const VarintShape& shape = kShapes.of_size[size];
    const uint8_t* p = block + (cells[i] & 0xffffffff);
    uint64_t low = word(p), high = high_word(p);
    uint64_t low_wrong = (low & shape.low_tops) ^ shape.low_more;
    uint64_t high_wrong = (high & shape.high_tops) ^ shape.high_more;
    if ((low_wrong | high_wrong) != 0) return i;
    cells[i] = static_cast<uint64_t>(varint_value<Isa>(low, high, shape));
  }
  return n;
}

}  // namespace
}  // namespace headrace
