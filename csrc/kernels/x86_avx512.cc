// The body for x86-64 CPUs with AVX-512 F, BW, VL, DQ, VBMI and VBMI2, VPCLMULQDQ (and what
// x86_avx2.cc needs). Compiled for them: see CMakeLists.txt.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of the operands that its own header leaves undefined on purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/avx512_crc32c.h"
#include "kernels/bodies.h"
#include "kernels/body.h"
#include "kernels/copy_crc32c.h"

namespace headrace {
namespace {

struct Isa : Avx512Crc {
  static uint64_t continued(const uint8_t* p) { return _mm512_movepi8_mask(_mm512_loadu_si512(p)); }
  static constexpr size_t kAtOnce = 64;
  static uint64_t continued_first(const uint8_t* p) { return continued(p); }

  static bool differs(const EntryForm& form, const uint8_t* p, uint8_t n, bool empty) {
    if (form.head <= 32) {
      const __m256i bytes = _mm256_load_si256(reinterpret_cast<const __m256i*>(form.bytes));
      const __m256i expected =
          _mm256_mask_add_epi8(bytes, static_cast<__mmask32>(form.lengths_bits), bytes,
                               _mm256_set1_epi8(static_cast<char>(n)));
      const __m256i found = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      return _mm256_mask_cmpneq_epi8_mask(static_cast<__mmask32>(form.relied_bits[empty]), found,
                                          expected) != 0;
    }
    const __m512i bytes = _mm512_load_si512(form.bytes);
    const __m512i expected = _mm512_mask_add_epi8(bytes, form.lengths_bits, bytes,
                                                  _mm512_set1_epi8(static_cast<char>(n)));
    return _mm512_mask_cmpneq_epi8_mask(form.relied_bits[empty], _mm512_loadu_si512(p), expected) !=
           0;
  }

  static uint64_t extract(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }
  static uint64_t extract_two(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }

  static __m256i convert(Float16, __m512i bits) {
    return _mm512_cvtps_ph(_mm512_castsi512_ps(bits), _MM_FROUND_TO_NEAREST_INT);
  }

  static __m256i convert(BFloat16, __m512i bits) {
    const auto all = [](uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); };
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), all(1));
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, all(0x7fff)), odd);
    const __mmask16 is_nan =
        _mm512_cmpgt_epi32_mask(_mm512_and_si512(bits, all(kMagnitude)), all(kInfinity));
    const __m512i halves = _mm512_mask_or_epi32(rounded, is_nan, bits, all(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(halves, 16));
  }

  template <class Half>
  static size_t halves(const float* values, size_t n, uint8_t* out) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const __m512i bits = _mm512_loadu_si512(values + i);
      const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(kMagnitude));
      const __mmask16 large =
          _mm512_cmpge_epi32_mask(magnitude, _mm512_set1_epi32(Half::kTooLarge));
      if (_mm512_mask_cmplt_epi32_mask(large, magnitude, _mm512_set1_epi32(kInfinity)) != 0) break;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 2 * i), convert(Half{}, bits));
    }
    return i;
  }
};

// -1, 0, 1, ..., 62, 63, each in all bytes of a qword.
struct LaneNumbers {
  alignas(64) uint8_t at[65 * 8] = {};
  constexpr LaneNumbers() {
    for (size_t i = 0; i < sizeof at; ++i) at[i] = static_cast<uint8_t>(i / 8 - 1);
  }
};

constexpr LaneNumbers kLaneNumbers;

// Packs 2 x 7 bits of each word's bytes, whose top bits are zero.
inline __m512i extract_pairs(__m512i bytes) {
  return _mm512_maddubs_epi16(_mm512_set1_epi16(static_cast<int16_t>(1 | 128 << 8)), bytes);
}

// Packs 8 x 7 bits of each qword's bytes, whose top bits are zero.
inline __m512i extract_lanes(__m512i bytes) {
  __m512i fours = _mm512_madd_epi16(extract_pairs(bytes), _mm512_set1_epi32(1 | 1 << 30));
  // Of each qword the low 28 bits, then 28 of the upper half.
  return _mm512_ternarylogic_epi64(fours, _mm512_srli_epi64(fours, 4),
                                   _mm512_set1_epi64(0x0fffffff), 0xe4);
}

// The 64 bytes of a block, cut into fewer than 64 varints.
struct VarintBlock {
  __m512i values;  // without their top bits
  __m512i ends;    // behind each varint, then zeros

  VarintBlock(__m512i bytes, uint64_t lasts)
      : values(_mm512_and_si512(bytes, _mm512_set1_epi8(0x7f))),
        ends(_mm512_maskz_compress_epi8(lasts, _mm512_loadu_si512(kByteNumbers.at + 1))) {}

  // The values of varints `first` to `first + 7`. Long: some may have more than 8 bytes.
  template <bool kLong>
  __m512i decode(size_t first) const {
    const uint8_t* numbers = kLaneNumbers.at + 8 * first;
    __m512i end = _mm512_permutexvar_epi8(_mm512_loadu_si512(numbers + 8), ends);
    // One begins where the one before ends; before the first stands the zero of number 63.
    __m512i start = _mm512_permutexvar_epi8(_mm512_load_si512(numbers), ends);
    __m512i at = _mm512_add_epi8(start, _mm512_set1_epi64(0x0706050403020100));
    __mmask64 own = _mm512_cmplt_epu8_mask(at, end);
    __m512i low = extract_lanes(_mm512_maskz_permutexvar_epi8(own, at, values));
    if constexpr (!kLong) return low;
    at = _mm512_add_epi8(at, _mm512_set1_epi8(8));
    own = 0x0303030303030303 & _mm512_cmplt_epu8_mask(at, end);
    __m512i high = extract_pairs(_mm512_maskz_permutexvar_epi8(own, at, values));
    return _mm512_or_si512(low, _mm512_slli_epi64(high, 56));
  }

  template <bool kLong>
  void decode_all(size_t count, int64_t* out) const {
    size_t i = 0;
    for (; i + 8 < count; i += 8) _mm512_storeu_si512(out + i, decode<kLong>(i));
    __mmask8 rest = static_cast<__mmask8>(0xff >> (i + 8 - count));
    _mm512_mask_storeu_epi64(out + i, rest, decode<kLong>(i));
  }
};

bool decode_varints(const uint8_t* p, size_t n, int64_t* out) {
  // Windows follow each other at fixed places, so that none waits for where the last varint of
  // another ends. A window with the `carried` bytes before it that begin its first varint, at most
  // 9 of them, are 64 bytes.
  constexpr size_t kWindow = 55;
  size_t carried = 0;
  for (const uint8_t* end = p + n; p != end;) {
    size_t left = static_cast<size_t>(end - p);
    uint64_t ends = ~Isa::continued(p);
    if (ends == ~uint64_t{0} && carried == 0 && left >= 64) {
      for (size_t i = 0; i < 64; i += 8) {
        __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + i));
        _mm512_storeu_si512(out + i, _mm512_cvtepu8_epi64(eight));
      }
      p += 64;
      out += 64;
      continue;
    }
    size_t width = left < kWindow ? left : kWindow;
    ends = _bzhi_u64(ends, static_cast<unsigned>(width));
    uint64_t inside = _bzhi_u64(~uint64_t{0}, static_cast<unsigned>(carried + width));
    uint64_t long_ones = eight_continue(~(ends << carried) & inside);
    size_t count = static_cast<size_t>(__builtin_popcountll(ends));
    VarintBlock block(_mm512_loadu_si512(p - carried), ends << carried);
    if (long_ones == 0) {
      block.decode_all<false>(count, out);
    } else {
      if ((long_ones & long_ones >> 2) != 0) return false;
      block.decode_all<true>(count, out);
    }
    out += count;
    p += width;
    carried = width - 64 + static_cast<size_t>(__builtin_clzll(ends));
  }
  return true;
}

bool decode_unpacked(const uint8_t* p, size_t n, int64_t* out) {
  // The list without its tags is a packed one, made part by part.
  constexpr size_t kPart = 1024;
  uint8_t packed[kPart + 64 + kSlop];
  size_t held = 0;          // bytes there
  uint64_t behind_end = 1;  // whether a varint ends before p
  uint64_t behind_tag = 0;  // all bits set if what began last was a tag
  for (const uint8_t* end = p + n; p != end;) {
    while (p != end && held < kPart) {
      size_t left = static_cast<size_t>(end - p), width = left < 64 ? left : 64;
      uint64_t inside = _bzhi_u64(~uint64_t{0}, static_cast<unsigned>(width));
      __m512i bytes = _mm512_loadu_si512(p);
      uint64_t ends = ~static_cast<uint64_t>(_mm512_movepi8_mask(bytes)) & inside;
      uint64_t starts = (ends << 1 | behind_end) & inside;
      uint64_t odd = Isa::product(starts, ~uint64_t{0});  // of how many starts up to a byte
      uint64_t tags = starts & (odd ^ behind_tag);
      if (_mm512_mask_cmpneq_epi8_mask(tags, bytes, _mm512_set1_epi8(kUnpackedTag)) != 0) {
        return false;
      }
      _mm512_storeu_si512(packed + held, _mm512_maskz_compress_epi8(inside & ~tags, bytes));
      held += static_cast<size_t>(__builtin_popcountll(inside & ~tags));
      behind_end = ends >> 63;
      behind_tag ^= static_cast<uint64_t>(static_cast<int64_t>(odd) >> 63);
      p += width;
    }
    size_t whole = held;
    while (whole != 0 && packed[whole - 1] >= 0x80) --whole;
    if (held - whole >= kMaxVarint) return false;
    if (whole != 0 && !decode_varints(packed, whole, out)) return false;
    out += count_varints<Isa>(packed, whole);
    held -= whole;
    std::memmove(packed, packed + whole, held);
  }
  return held == 0 && behind_tag == 0;
}

// The 8 bytes at each of 8 offsets, the low halves of cells, or `ahead` of them. Plain loads: where
// gathers were found to leak, they have become slower than these.
inline __m512i words_at(const ByteView* records, const uint64_t* cells, int ahead) {
  auto at = [=](int i) {
    return static_cast<int64_t>(word(records[i].data + static_cast<uint32_t>(cells[i]) + ahead));
  };
  return _mm512_set_epi64(at(7), at(6), at(5), at(4), at(3), at(2), at(1), at(0));
}

constexpr int kAndAndNot = 0x40;  // a & b & ~c, for ternary logic

inline __m512i lowest_bits(__m512i v) {
  return _mm512_and_si512(v, _mm512_sub_epi64(_mm512_setzero_si512(), v));
}

size_t decode_single_varints(const ByteView* records, uint64_t* cells, size_t n,
                             const uint64_t* absent) {
  const __mmask8 may_miss = absent != nullptr ? 0xff : 0;
  const __m512i other = _mm512_set1_epi64(static_cast<int64_t>(absent != nullptr ? *absent : 0));
  const __m512i one = _mm512_set1_epi64(1), tops = _mm512_set1_epi8(static_cast<char>(0x80));
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m512i eight = _mm512_loadu_si512(cells + i);
    __m512i sizes = _mm512_srli_epi64(eight, 32);
    __m512i all_but_one = _mm512_sub_epi64(sizes, one);
    __mmask8 none = _mm512_mask_cmpeq_epi64_mask(may_miss, eight,
                                                 _mm512_set1_epi64(static_cast<int64_t>(kNoList)));
    __mmask8 some = static_cast<__mmask8>(~none);
    if (_mm512_mask_cmpgt_epu64_mask(some, all_but_one, _mm512_set1_epi64(kMaxVarint - 1)) != 0) {
      break;
    }
    // The top bit of the last byte must be the first that is clear. If that is not among the 8
    // bytes, both sides are zero, and the bits before it are all 64.
    __m512i low = words_at(records + i, cells + i, 0);
    __m512i stop = lowest_bits(_mm512_andnot_si512(low, tops));
    __m512i want = _mm512_sllv_epi64(one, _mm512_sub_epi64(_mm512_slli_epi64(sizes, 3), one));
    __mmask8 good = _mm512_cmpeq_epi64_mask(stop, want);
    __m512i before = _mm512_sub_epi64(stop, one);
    __m512i values = extract_lanes(_mm512_ternarylogic_epi64(before, low, tops, kAndAndNot));
    __mmask8 nine_or_ten = _mm512_mask_cmpgt_epu64_mask(some, sizes, _mm512_set1_epi64(8));
    if (nine_or_ten != 0) {
      __m512i high = _mm512_srli_epi64(words_at(records + i, cells + i, 2), 48);
      stop = lowest_bits(_mm512_andnot_si512(high, _mm512_set1_epi64(0x8080)));
      want = _mm512_slli_epi64(_mm512_sub_epi64(sizes, _mm512_set1_epi64(8)), 3);
      want = _mm512_sllv_epi64(one, _mm512_sub_epi64(want, one));
      good &= ~nine_or_ten | _mm512_cmpeq_epi64_mask(stop, want);
      before = _mm512_sub_epi64(stop, one);
      high = extract_pairs(_mm512_ternarylogic_epi64(before, high, tops, kAndAndNot));
      values = _mm512_or_si512(values, _mm512_maskz_slli_epi64(nine_or_ten, high, 56));
    }
    if ((good | none) != 0xff) break;
    _mm512_storeu_si512(cells + i, _mm512_mask_mov_epi64(values, none, other));
  }
  return i + headrace::decode_single_varints<Isa>(records + i, cells + i, n - i, absent);
}

size_t verify_payloads(const ByteView* records, size_t n) {
  return first_bad<payload_difference<Isa::crc_payload>>(records, n);
}

}  // namespace

constinit const Kernels kAvx512Kernels = [] {
  Kernels body = body_of<Isa>("avx512", copy_far<Isa>, end_far_copies, copy_crc32c<Isa>);
  body.verify_payloads = verify_payloads;
  body.decode_varints = decode_varints;
  body.decode_unpacked = decode_unpacked;
  body.decode_single_varints = decode_single_varints;
  return body;
}();

}  // namespace headrace

#endif
