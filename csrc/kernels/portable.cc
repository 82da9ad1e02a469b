// The body for every CPU: tables and arithmetic on whole words.
#include "kernels/bodies.h"
#include "kernels/crc32c.h"
#include "kernels/varint.h"

namespace headrace {
namespace {

constexpr size_t kSlices = 16;

// at[k][b]: the CRC state that byte b leaves after k more zero bytes.
struct CrcTables {
  uint32_t at[kSlices][256];

  constexpr CrcTables() : at() {
    for (uint32_t b = 0; b < 256; ++b) {
      uint32_t state = b;
      for (int bit = 0; bit < 8; ++bit) state = times_x(state);
      at[0][b] = state;
    }
    for (size_t k = 1; k < kSlices; ++k) {
      for (uint32_t b = 0; b < 256; ++b) {
        at[k][b] = at[k - 1][b] >> 8 ^ at[0][at[k - 1][b] & 0xff];
      }
    }
  }
};

constexpr CrcTables kTables;

// The state that the bytes of `w` leave after `zeros` more zero bytes.
inline uint32_t crc_slice(uint64_t w, size_t zeros) {
  uint32_t state = 0;
  for (size_t i = 0; i < 8; ++i) state ^= kTables.at[zeros + 7 - i][w >> (8 * i) & 0xff];
  return state;
}

struct Isa {
  static uint32_t crc_word(uint32_t state, uint64_t w) { return crc_slice(w ^ state, 0); }

  static uint32_t crc(uint32_t state, const uint8_t* p, size_t n) {
    for (; n >= 16; p += 16, n -= 16) {
      state = crc_slice(word(p) ^ state, 8) ^ crc_slice(word(p + 8), 0);
    }
    return ~crc32c<Isa>(~state, p, n);
  }

  static uint64_t terminators(const uint8_t* p) {
    uint64_t ends = 0;
    for (size_t i = 0; i < 8; ++i) {
      uint64_t tops = ~word(p + 8 * i) >> 7 & 0x0101010101010101;
      // The product brings bit 8 k to bit 56 + k; no two terms meet, so nothing carries.
      ends |= (tops * 0x0102040810204080) >> 56 << (8 * i);
    }
    return ends;
  }

  static uint64_t extract(uint64_t w, uint64_t mask) { return extract_by_shifts(w, mask); }
};

}  // namespace

const Kernels kPortableKernels = {
    "portable",         crc32c<Isa>,         verify_lengths<Isa>,        verify_payloads<Isa>,
    count_varints<Isa>, decode_varints<Isa>, decode_single_varints<Isa>,
};

}  // namespace headrace
