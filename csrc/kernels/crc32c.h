// CRC-32C and record checks, shared by the bodies. Internal linkage: see words.h.
//
// A body's `Isa` gives crc_word(state, word), one CRC step over 8 bytes, and crc(state, p, n) for
// lengths from kOneStream on. `state` is the CRC before its final inversion.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

constexpr uint32_t kCrcPolynomial = 0x82f63b78;  // Castagnoli, bits reflected

// Below this many bytes one dependent chain beats several that must be merged.
constexpr size_t kOneStream = 256;

constexpr uint32_t times_x(uint32_t a) { return (a >> 1) ^ ((a & 1) ? kCrcPolynomial : 0); }

// CRC over `n` < 8 bytes that stand in the high bytes of `high`; its other bytes are zero. As zero
// bytes leave a zero state alone, one full step does it without a branch on n: the part of the
// state that meets these bytes goes in with them, the rest is what a shift leaves of it.
template <class Isa>
inline uint32_t crc_partial(uint32_t state, uint64_t high, size_t n) {
  uint64_t met = uint64_t{state} << (8 * (7 - n)) << 8;
  return Isa::crc_word(0, high ^ met) ^ static_cast<uint32_t>(uint64_t{state} >> (8 * n));
}

template <class Isa>
inline uint32_t crc_words(uint32_t state, const uint8_t* p, size_t words) {
  for (const uint8_t* end = p + 8 * words; p != end; p += 8) state = Isa::crc_word(state, word(p));
  return state;
}

template <class Isa>
uint32_t crc32c(uint32_t crc, const uint8_t* p, size_t n) {
  if (n >= kOneStream) return ~Isa::crc(~crc, p, n);
  size_t odd = n % 8;
  uint64_t first = n >= 8 ? word(p) : partial_word(p, odd);
  uint32_t state = crc_partial<Isa>(~crc, first << (8 * (7 - odd)) << 8, odd);
  return ~crc_words<Isa>(state, p + odd, n / 8);
}

// What the check of one record leaves: 0 if it is good. Nothing branches on it before a whole
// group is through, so that the CPU overlaps the chains of neighbouring records.
template <class Isa>
inline uint32_t length_difference(const ByteView& record) {
  const uint8_t* header = record.data - 12;
  return mask_crc(~Isa::crc_word(~0u, word(header))) ^ half_word(header + 8);
}

template <class Isa>
inline uint32_t payload_difference(const ByteView& record) {
  const uint8_t* p = record.data;
  size_t n = record.size;
  uint32_t stored = half_word(p + n);
  if (n >= kOneStream) return mask_crc(~Isa::crc(~0u, p, n)) ^ stored;
  // The header stands before the data, so the odd bytes can be loaded as the end of a whole word.
  size_t odd = n % 8;
  uint64_t keep = ~uint64_t{0} << (8 * (7 - odd)) << 8;
  uint32_t state = crc_partial<Isa>(~0u, word(p + odd - 8) & keep, odd);
  return mask_crc(~crc_words<Isa>(state, p + odd, n / 8)) ^ stored;
}

template <uint32_t (*difference)(const ByteView&)>
size_t first_bad(const ByteView* records, size_t n) {
  constexpr size_t kGroup = 64;
  for (size_t done = 0; done < n;) {
    size_t end = n - done < kGroup ? n : done + kGroup;
    uint32_t bad = 0;
    for (size_t i = done; i < end; ++i) bad |= difference(records[i]);
    if (bad != 0) {
      while (difference(records[done]) == 0) ++done;
      return done;
    }
    done = end;
  }
  return n;
}

template <class Isa>
size_t verify_lengths(const ByteView* records, size_t n) {
  return first_bad<length_difference<Isa>>(records, n);
}

template <class Isa>
size_t verify_payloads(const ByteView* records, size_t n) {
  return first_bad<payload_difference<Isa>>(records, n);
}

}  // namespace
}  // namespace headrace
