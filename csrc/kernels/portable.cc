// The body for every CPU: tables and arithmetic on whole words.
#include "kernels/bodies.h"
#include "kernels/body.h"

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
inline CrcState crc_slice(uint64_t w, size_t zeros) {
  CrcState state = 0;
  for (size_t i = 0; i < 8; ++i) state ^= kTables.at[zeros + 7 - i][w >> (8 * i) & 0xff];
  return state;
}

struct Isa : Plain {
  static constexpr size_t kLong = 64;

  static CrcState crc_word(CrcState state, uint64_t w) { return crc_slice(w ^ state, 0); }

  static CrcState crc(CrcState state, const uint8_t* p, size_t n) {
    for (; n >= 16; p += 16, n -= 16) {
      state = crc_slice(word(p) ^ state, 8) ^ crc_slice(word(p + 8), 0);
    }
    return crc_chain<Isa>(state, p, n);
  }

  static uint32_t continued_8(const uint8_t* p) {
    uint64_t tops = word(p) >> 7 & 0x0101010101010101;
    // The product brings bit 8 k to bit 56 + k; no two terms meet, so nothing carries.
    return static_cast<uint32_t>((tops * 0x0102040810204080) >> 56);
  }

  static uint32_t continued_16(const uint8_t* p) {
    return continued_8(p) | continued_8(p + 8) << 8;
  }

  static constexpr size_t kAtOnce = 16;
  static uint64_t continued_first(const uint8_t* p) { return continued_16(p); }

  static uint64_t continued(const uint8_t* p) {
    uint64_t more = 0;
    for (size_t i = 0; i < 64; i += 8) more |= uint64_t{continued_8(p + i)} << i;
    return more;
  }
};

}  // namespace

const Kernels kPortableKernels = body_of<Isa>("portable", copy_near, nothing_to_end, nullptr);

}  // namespace headrace
