// Base-128 varints, shared by the bodies. Internal linkage: see words.h.
//
// A body's `Isa` gives continued(p), a bit for each of the 64 bytes at p that does not end a
// varint, continued_16(p), the same for 16 bytes, continued_first(p), for the kAtOnce bytes that
// cost least, extract(word, mask), which packs the bits under a mask of VarintMasks::low, and
// extract_two(word, mask), the same for VarintMasks::high.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

constexpr size_t kMaxVarint = 10;

// The value bits of a varint by its size, in its first 8 bytes and in the 2 behind them. Of the
// tenth byte only one bit fits into 64.
struct VarintMasks {
  uint64_t low[kMaxVarint + 1] = {};
  uint64_t high[kMaxVarint + 1] = {};

  constexpr VarintMasks() {
    for (size_t size = 1; size <= kMaxVarint; ++size) {
      low[size] = low[size - 1] | (size <= 8 ? uint64_t{0x7f} << (8 * (size - 1)) : 0);
      high[size] = size <= 8 ? 0 : size == 9 ? 0x7f : 0x17f;
    }
  }
};

constexpr VarintMasks kMasks;

// Packs the low 7 bits of 8 bytes with shifts, for CPUs without an instruction for it.
inline uint64_t extract_by_shifts(uint64_t w, uint64_t mask) {
  w &= mask;
  w = (w & 0x007f007f007f007f) | (w & 0x7f007f007f007f00) >> 1;
  w = (w & 0x00003fff00003fff) | (w & 0x3fff00003fff0000) >> 2;
  return (w & 0x000000000fffffff) | (w & 0x0fffffff00000000) >> 4;
}

inline uint64_t extract_two_by_shifts(uint64_t w, uint64_t mask) {
  w &= mask;
  return (w & 0x7f) | (w >> 1 & 0x80);
}

// The value of the varint at p.
template <class Isa>
inline int64_t varint_value(const uint8_t* p, size_t size) {
  uint16_t high;
  std::memcpy(&high, p + 8, sizeof high);
  return static_cast<int64_t>(Isa::extract(word(p), kMasks.low[size]) |
                              Isa::extract_two(high, kMasks.high[size]) << 56);
}

template <class Isa>
size_t count_varints(const uint8_t* p, size_t n) {
  size_t count = 0;
  for (; n >= 64; p += 64, n -= 64) count += __builtin_popcountll(~Isa::continued(p));
  constexpr uint64_t kTop = 0x8080808080808080;
  for (; n >= 8; p += 8, n -= 8) count += __builtin_popcountll(~word(p) & kTop);
  return count + __builtin_popcountll(~partial_word(p, n) & kTop & ~(~uint64_t{0} << (8 * n)));
}

template <class Isa>
size_t count_lists(const ByteView* records, const uint64_t* cells, size_t n, uint32_t* counts) {
  static_assert(kNoList << 1 == 0);
  for (size_t i = 0; i < n; ++i) {
    size_t size = (cells[i] << 1) >> 33;
    const uint8_t* p = records[i].data + (cells[i] & 0xffffffff);
    if (size > 64) {
      if (size >> 30 != 0 || p[size - 1] >= 0x80) return i;
      counts[i] = static_cast<uint32_t>(count_varints<Isa>(p, size));
      continue;
    }
    uint64_t more = size <= Isa::kAtOnce ? Isa::continued_first(p) : Isa::continued(p);
    uint64_t inside = size == 64 ? ~uint64_t{0} : ~(~uint64_t{0} << size);
    if ((more & (inside ^ inside >> 1)) != 0) return i;
    counts[i] = static_cast<uint32_t>(__builtin_popcountll(~more & inside));
  }
  return n;
}

// Bit i: bytes i to i + 7 all continue a varint, where `more` has the bits of those that do.
inline uint64_t eight_continue(uint64_t more) {
  more &= more >> 1;
  more &= more >> 2;
  return more & more >> 4;
}

template <class Isa>
bool decode_varints(const uint8_t* p, size_t n, int64_t* out) {
  // Each turn starts at a varint's first byte and decodes those that end within 64 bytes.
  for (const uint8_t* end = p + n; p != end;) {
    size_t left = static_cast<size_t>(end - p);
    uint64_t inside = left >= 64 ? ~uint64_t{0} : ~(~uint64_t{0} << left);
    uint64_t more = Isa::continued(p) & inside;
    uint64_t ends = ~more & inside;
    if (ends == ~uint64_t{0}) {
      for (size_t i = 0; i < 64; ++i) out[i] = p[i];
      p += 64;
      out += 64;
      continue;
    }
    uint64_t long_ones = eight_continue(more);
    size_t start = 0;
    if (long_ones == 0) {
      do {
        size_t next = static_cast<size_t>(__builtin_ctzll(ends)) + 1;
        *out++ = static_cast<int64_t>(Isa::extract(word(p + start), kMasks.low[next - start]));
        start = next;
      } while ((ends &= ends - 1) != 0);
    } else {
      if ((long_ones & long_ones >> 2) != 0) return false;  // ten bytes continue
      do {
        size_t next = static_cast<size_t>(__builtin_ctzll(ends)) + 1;
        *out++ = varint_value<Isa>(p + start, next - start);
        start = next;
      } while ((ends &= ends - 1) != 0);
    }
    p += start;
  }
  return true;
}

template <class Isa>
size_t decode_single_varints(const ByteView* records, uint64_t* cells, size_t n,
                             const uint64_t* absent) {
  for (size_t i = 0; i < n; ++i) {
    size_t size = cells[i] >> 32;
    if (size - 1 >= kMaxVarint) {  // its offset may mean nothing
      if (cells[i] != kNoList || absent == nullptr) return i;
      cells[i] = *absent;
      continue;
    }
    const uint8_t* p = records[i].data + (cells[i] & 0xffffffff);
    uint32_t ends = ~Isa::continued_16(p) | 1u << kMaxVarint;
    if (static_cast<uint32_t>(__builtin_ctz(ends)) + 1 != size) return i;
    cells[i] = static_cast<uint64_t>(varint_value<Isa>(p, size));
  }
  return n;
}

}  // namespace
}  // namespace headrace
