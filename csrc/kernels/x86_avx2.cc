// The body for x86-64 CPUs with AVX2, BMI2 and F16C (and what x86_sse42.cc needs). Compiled for
// them: see CMakeLists.txt.
#if defined(__x86_64__)

#include <immintrin.h>

#include "kernels/bodies.h"
#include "kernels/body.h"
#include "kernels/copy_crc32c.h"
#include "kernels/x86.h"

namespace headrace {
namespace {

struct Isa : Sse42 {
  static uint64_t continued(const uint8_t* p) {
    uint64_t more = 0;
    for (size_t i = 0; i < 64; i += 32) {
      __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
      more |= uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(bytes))} << i;
    }
    return more;
  }

  static constexpr size_t kAtOnce = 64;
  static uint64_t continued_first(const uint8_t* p) { return continued(p); }

  static void copy_line(uint8_t* to, const uint8_t* from) {
    for (size_t i = 0; i < 64; i += 32) {
      const auto part = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), part);
    }
  }

  static bool differs(const EntryForm& form, const uint8_t* p, uint8_t n, bool empty) {
    const auto load = [](const uint8_t* at) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    };
    const __m256i more = _mm256_set1_epi8(static_cast<char>(n));
    __m256i different = _mm256_setzero_si256();
    for (size_t i = 0; i < form.head; i += 32) {
      // A length is 1 in `lengths`: its negation selects all bits of it.
      const __m256i all = _mm256_sub_epi8(_mm256_setzero_si256(), load(form.lengths + i));
      const __m256i expected = _mm256_add_epi8(load(form.bytes + i), _mm256_and_si256(all, more));
      const __m256i wrong = _mm256_xor_si256(load(p + i), expected);
      different = _mm256_or_si256(different, _mm256_and_si256(wrong, load(form.relied[empty] + i)));
    }
    return _mm256_testz_si256(different, different) == 0;
  }

  static uint64_t extract(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }
  static uint64_t extract_two(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }

  static __m128i convert(Float16, __m256i bits) {
    return _mm256_cvtps_ph(_mm256_castsi256_ps(bits), _MM_FROUND_TO_NEAREST_INT);
  }

  static __m128i convert(BFloat16, __m256i bits) {
    const auto all = [](uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); };
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), all(1));
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, all(0x7fff)), odd);
    const __m256i nan = _mm256_or_si256(bits, all(0x400000));
    const __m256i is_nan =
        _mm256_cmpgt_epi32(_mm256_and_si256(bits, all(kMagnitude)), all(kInfinity));
    const __m256i halves = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, nan, is_nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  }

  template <class Half>
  static size_t halves(const float* values, size_t n, uint8_t* out) {
    const __m256i too_large = _mm256_set1_epi32(Half::kTooLarge - 1);
    const __m256i infinity = _mm256_set1_epi32(kInfinity);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
      const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(kMagnitude));
      const __m256i wrong = _mm256_and_si256(_mm256_cmpgt_epi32(magnitude, too_large),
                                             _mm256_cmpgt_epi32(infinity, magnitude));
      if (_mm256_testz_si256(wrong, wrong) == 0) break;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 2 * i), convert(Half{}, bits));
    }
    return i;
  }
};

}  // namespace

const Kernels kAvx2Kernels = body_of<Isa>("avx2", copy_far<Isa>, end_far_copies, copy_crc32c<Isa>);

}  // namespace headrace

#endif
