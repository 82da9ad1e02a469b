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

  // Moves a lane of 16 bytes over zeros, by carry-less products with two constants of CrcMoves.
  static __m128i move_lane(__m128i lane, __m128i by, __m128i onto) {
    return _mm_xor_si128(onto, _mm_xor_si128(_mm_clmulepi64_si128(lane, by, 0x00),
                                             _mm_clmulepi64_si128(lane, by, 0x11)));
  }

  template <size_t words>
  static __m128i lane_moves() {
    return _mm_set_epi64x(kMoves.at[words], kMoves.at[words + 1]);
  }

  // The state that a lane leaves.
  static CrcState join_lane(__m128i lane) {
    const CrcState state = crc_word(0, static_cast<uint64_t>(_mm_cvtsi128_si64(lane)));
    return crc_word(state, static_cast<uint64_t>(_mm_extract_epi64(lane, 1)));
  }

  // Bytes from which on memory is asked for, where the CPU has not begun to do so by itself.
  static constexpr size_t kAhead = 1024;
  static constexpr size_t kLines = 128;

  template <bool far>
  static CrcState copy_lines(CrcState state, uint8_t* to, const uint8_t* from, size_t n) {
    constexpr size_t kLanes = 8, kLane = 16;
    const auto copy_lane = [&](size_t i) {
      if (i % 4 == 0) {
        _mm_prefetch(reinterpret_cast<const char*>(from + kAhead + kLane * i), _MM_HINT_T0);
      }
      __m128i lane = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + kLane * i));
      asm volatile("" : "+x"(lane));  // what is folded is what is stored
      auto* const place = reinterpret_cast<__m128i*>(to + kLane * i);
      if constexpr (far) {
        _mm_stream_si128(place, lane);
      } else {
        _mm_storeu_si128(place, lane);
      }
      return lane;
    };
    __m128i lanes[kLanes];  // in registers: GCC unrolls what has an asm in it only when told
#pragma GCC unroll 8
    for (size_t i = 0; i < kLanes; ++i) lanes[i] = copy_lane(i);
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi64_si128(static_cast<int64_t>(state)));
    const __m128i by = lane_moves<2 * kLanes>();
    for (to += kLines, from += kLines, n -= kLines; n != 0;
         to += kLines, from += kLines, n -= kLines) {
#pragma GCC unroll 8
      for (size_t i = 0; i < kLanes; ++i) lanes[i] = move_lane(lanes[i], by, copy_lane(i));
    }
#pragma GCC unroll 8
    for (size_t i = 1; i < kLanes; ++i)
      lanes[i] = move_lane(lanes[i - 1], lane_moves<2>(), lanes[i]);
    return join_lane(lanes[kLanes - 1]);
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
