// CRC-32C and record checks, shared by the bodies. Internal linkage: see words.h.
//
// A body's `Isa` gives crc_word(state, word), one CRC step over 8 bytes, and crc(state, p, n) for
// n >= kLong, from where on it beats one chain of steps.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

// The CRC before its final inversion: 32 bits, in the width that the x86 step has, for a conversion
// between steps would cost a cycle.
using CrcState = uint64_t;

constexpr uint32_t kCrcPolynomial = 0x82f63b78;  // Castagnoli, bits reflected

constexpr uint32_t times_x(uint32_t a) { return (a >> 1) ^ ((a & 1) ? kCrcPolynomial : 0); }

// CRC over `n` < 8 bytes that stand in the high bytes of `high`; its other bytes are zero. As zero
// bytes leave a zero state alone, one full step does it without a branch on n: the part of the
// state that meets these bytes goes in with them, the rest is what a shift leaves of it.
template <class Isa>
inline CrcState crc_partial(CrcState state, uint64_t high, size_t n) {
  uint64_t met = state << (8 * (7 - n)) << 8;
  return Isa::crc_word(0, high ^ met) ^ state >> (8 * n);
}

template <class Isa>
inline CrcState crc_words(CrcState state, const uint8_t* p, size_t words) {
  for (const uint8_t* end = p + 8 * words; p != end; p += 8) state = Isa::crc_word(state, word(p));
  return state;
}

// Any n, one chain; reads nothing outside.
template <class Isa>
inline CrcState crc_chain(CrcState state, const uint8_t* p, size_t n) {
  size_t odd = n % 8;
  uint64_t first = n >= 8 ? word(p) : partial_word(p, odd);
  state = crc_partial<Isa>(state, first << (8 * (7 - odd)) << 8, odd);
  return crc_words<Isa>(state, p + odd, n / 8);
}

// at[m] = x^(64 m - 33) mod P: a carry-less product with it, followed by CRC steps over the
// product, moves bytes over m words of zeros.
struct CrcMoves {
  static constexpr size_t kMost = 256;
  uint32_t at[kMost + 1];

  constexpr CrcMoves() : at() {
    uint32_t power = 0x80000000;  // x^0, bits reflected
    for (int i = 0; i < 33; ++i) {
      power = power >> 31 != 0 ? (power ^ kCrcPolynomial) << 1 | 1 : power << 1;
    }
    for (size_t m = 0; m <= kMost; ++m) {
      at[m] = power;
      for (int i = 0; i < 64; ++i) power = times_x(power);
    }
  }
};

constexpr CrcMoves kMoves;

// Three chains side by side: a step's result takes about three cycles, but a new step can start in
// each. Needs Isa::product, carry-less, to join them.
template <class Isa>
inline CrcState crc_three_streams(CrcState state, const uint8_t* p, size_t n) {
  constexpr size_t kMostWords = CrcMoves::kMost / 2;
  while (n >= 24) {
    size_t words = n / 24 < kMostWords ? n / 24 : kMostWords, stream = 8 * words;
    CrcState a = state, b = 0, c = 0;
    for (const uint8_t* end = p + stream; p != end; p += 8) {
      a = Isa::crc_word(a, word(p));
      b = Isa::crc_word(b, word(p + stream));
      c = Isa::crc_word(c, word(p + 2 * stream));
    }
    uint64_t moved = Isa::product(a, kMoves.at[2 * words]) ^ Isa::product(b, kMoves.at[words]);
    state = Isa::crc_word(0, moved) ^ c;
    p += 2 * stream;
    n -= 3 * stream;
  }
  return crc_chain<Isa>(state, p, n);
}

template <class Isa>
uint32_t crc32c(uint32_t crc, const uint8_t* p, size_t n) {
  CrcState state = ~crc;
  state = n < Isa::kLong ? crc_chain<Isa>(state, p, n) : Isa::crc(state, p, n);
  return ~static_cast<uint32_t>(state);
}

template <class Isa>
inline CrcState crc_payload(const ByteView& record) {
  const uint8_t* p = record.data;
  size_t n = record.size;
  if (n >= Isa::kLong) return Isa::crc(~0u, p, n);
  // The header stands before the data, so the odd bytes can be loaded as the end of a whole word.
  size_t odd = n % 8;
  uint64_t keep = ~uint64_t{0} << (8 * (7 - odd)) << 8;
  return crc_words<Isa>(crc_partial<Isa>(~0u, word(p + odd - 8) & keep, odd), p + odd, n / 8);
}

// What the check of one record leaves: 0 if it is good. Nothing branches on it before a whole
// group is through, so that the CPU overlaps the chains of neighbouring records.
template <class Isa>
inline uint32_t length_difference(const ByteView& record) {
  const uint8_t* header = record.data - 12;
  return mask_crc(~static_cast<uint32_t>(Isa::crc_word(~0u, word(header)))) ^ half_word(header + 8);
}

template <CrcState (*crc_payload)(const ByteView&)>
inline uint32_t payload_difference(const ByteView& record) {
  return mask_crc(~static_cast<uint32_t>(crc_payload(record))) ^
         half_word(record.data + record.size);
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
  return first_bad<payload_difference<crc_payload<Isa>>>(records, n);
}

}  // namespace
}  // namespace headrace
