// What the x86 bodies have in common: SSE4.2 and PCLMULQDQ. Internal linkage: see words.h.
#pragma once

#include <nmmintrin.h>
#include <wmmintrin.h>

#include "kernels/crc32c.h"

namespace headrace {
namespace {

struct Sse42 {
  static constexpr size_t kLong = 96;

  static CrcState crc_word(CrcState state, uint64_t w) { return _mm_crc32_u64(state, w); }

  static uint64_t product(uint64_t a, uint64_t b) {
    return static_cast<uint64_t>(
        _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(a)),
                                               _mm_cvtsi64_si128(static_cast<int64_t>(b)), 0)));
  }

  static CrcState crc(CrcState state, const uint8_t* p, size_t n) {
    return crc_three_streams<Sse42>(state, p, n);
  }

  static void copy_line(uint8_t* to, const uint8_t* from) {
    for (size_t i = 0; i < 64; i += 16) {
      const auto part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), part);
    }
  }

  static uint32_t continued_16(const uint8_t* p) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return static_cast<uint32_t>(_mm_movemask_epi8(bytes));
  }

  static constexpr size_t kAtOnce = 16;
  static uint64_t continued_first(const uint8_t* p) { return continued_16(p); }
};

inline void end_far_copies() { _mm_sfence(); }

}  // namespace
}  // namespace headrace
