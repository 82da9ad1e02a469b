// CRC-32C with vector carry-less products (VPCLMULQDQ), of the AVX-512 body. Internal linkage: see
// words.h.
#pragma once

#include <immintrin.h>

#include "kernels/x86.h"

namespace headrace {
namespace {

// The numbers 0 to 64.
struct ByteNumbers {
  uint8_t at[65] = {};

  constexpr ByteNumbers() {
    for (uint8_t i = 0; i <= 64; ++i) at[i] = i;
  }
};

constexpr ByteNumbers kByteNumbers;

// Carry-less products move each 16-byte lane of `lanes` over zeros; `by` holds a constant of
// CrcMoves for each word.
inline __m512i move_lanes(__m512i lanes, __m512i by, __m512i onto) {
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lanes, by, 0x00),
                                   _mm512_clmulepi64_epi128(lanes, by, 0x11), onto, 0x96);
}

inline __m512i move_lanes(__m512i lanes, __m512i by) {
  return _mm512_xor_si512(_mm512_clmulepi64_epi128(lanes, by, 0x00),
                          _mm512_clmulepi64_epi128(lanes, by, 0x11));
}

// All lanes over `words` words.
template <size_t words>
inline __m512i moves() {
  return _mm512_broadcast_i32x4(_mm_set_epi64x(kMoves.at[words], kMoves.at[words + 1]));
}

// Each lane to the end of the 64 bytes, and from there over `words` words.
template <size_t words>
inline __m512i moves_to_end() {
  constexpr const uint32_t* at = kMoves.at + words;
  return _mm512_set_epi64(at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]);
}

// The state that lanes leave which have been moved to one place.
inline CrcState join_lanes(__m512i lanes) {
  __m256i half =
      _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
  return Sse42::join_lane(
      _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

// at[n]: the state that n zero bytes leave of the initial one.
constexpr size_t kShort = 128;
struct CrcStarts {
  uint32_t at[kShort + 1];

  constexpr CrcStarts() : at() {
    uint32_t state = ~0u;
    for (size_t n = 0; n <= kShort; ++n) {
      at[n] = state;
      for (int bit = 0; bit < 8; ++bit) state = times_x(state);
    }
  }
};

constexpr CrcStarts kStarts;

struct Avx512Crc : Sse42 {
  static constexpr size_t kLong = 64;

  static void copy_line(uint8_t* to, const uint8_t* from) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
  }

  static CrcState crc(CrcState state, const uint8_t* p, size_t n) {
    __m512i start = _mm512_zextsi128_si512(_mm_cvtsi64_si128(static_cast<int64_t>(state)));
    __m512i a = _mm512_xor_si512(_mm512_loadu_si512(p), start);
    if (n >= 256) {
      __m512i b = _mm512_loadu_si512(p + 64);
      __m512i c = _mm512_loadu_si512(p + 128);
      __m512i d = _mm512_loadu_si512(p + 192);
      for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
        a = move_lanes(a, moves<32>(), _mm512_loadu_si512(p));
        b = move_lanes(b, moves<32>(), _mm512_loadu_si512(p + 64));
        c = move_lanes(c, moves<32>(), _mm512_loadu_si512(p + 128));
        d = move_lanes(d, moves<32>(), _mm512_loadu_si512(p + 192));
      }
      a = move_lanes(a, moves<8>(), b);
      a = move_lanes(a, moves<8>(), c);
      a = move_lanes(a, moves<8>(), d);
    } else {
      p += 64, n -= 64;
    }
    for (; n >= 64; p += 64, n -= 64) a = move_lanes(a, moves<8>(), _mm512_loadu_si512(p));
    // a and the last n bytes as one string: its last 64 bytes, and what stands before them.
    __m512i rest = _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, n), p);
    __m512i from = _mm512_add_epi8(_mm512_loadu_si512(kByteNumbers.at),
                                   _mm512_set1_epi8(static_cast<char>(n)));
    __m512i before = _mm512_maskz_permutexvar_epi8(~_bzhi_u64(~uint64_t{0}, 64 - n), from, a);
    a = move_lanes(before, moves<8>(), _mm512_permutex2var_epi8(a, from, rest));
    return join_lanes(move_lanes(a, moves_to_end<0>()));
  }

  static constexpr size_t kLines = 256;

  template <bool far>
  static CrcState copy_lines(CrcState state, uint8_t* to, const uint8_t* from, size_t n) {
    const auto copy_line = [&](size_t i) {
      _mm_prefetch(reinterpret_cast<const char*>(from + kAhead + 64 * i), _MM_HINT_T0);
      __m512i line = _mm512_loadu_si512(from + 64 * i);
      asm volatile("" : "+v"(line));  // what is folded is what is stored
      if constexpr (far) {
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + 64 * i), line);
      } else {
        _mm512_storeu_si512(to + 64 * i, line);
      }
      return line;
    };
    __m512i lanes[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) lanes[i] = copy_line(i);
    __m512i start = _mm512_zextsi128_si512(_mm_cvtsi64_si128(static_cast<int64_t>(state)));
    lanes[0] = _mm512_xor_si512(lanes[0], start);
    for (to += kLines, from += kLines, n -= kLines; n != 0;
         to += kLines, from += kLines, n -= kLines) {
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) lanes[i] = move_lanes(lanes[i], moves<32>(), copy_line(i));
    }
#pragma GCC unroll 4
    for (size_t i = 1; i < 4; ++i) lanes[i] = move_lanes(lanes[i - 1], moves<8>(), lanes[i]);
    return join_lanes(move_lanes(lanes[3], moves_to_end<0>()));
  }

  static CrcState crc_payload(const ByteView& record) {
    size_t n = record.size;
    if (n > kShort) return headrace::crc_payload<Avx512Crc>(record);
    // Whatever the size: the last 128 bytes, with zeros before the first.
    const uint8_t* end = record.data + n;
    size_t zeros = kShort - n;
    uint64_t none = ~uint64_t{0};
    __mmask64 far = ~_bzhi_u64(none, static_cast<unsigned>(zeros));
    __mmask64 near = ~_bzhi_u64(none, static_cast<unsigned>(zeros < 64 ? 0 : zeros - 64));
    __m512i lanes = move_lanes(_mm512_maskz_loadu_epi8(far, end - 128), moves_to_end<8>());
    lanes = move_lanes(_mm512_maskz_loadu_epi8(near, end - 64), moves_to_end<0>(), lanes);
    return join_lanes(lanes) ^ kStarts.at[n];
  }
};

}  // namespace
}  // namespace headrace
