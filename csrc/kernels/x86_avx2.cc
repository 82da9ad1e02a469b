// The body for x86-64 CPUs with AVX2 and BMI2 (and what x86_sse42.cc needs). Compiled for them: see
// CMakeLists.txt.
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
};

}  // namespace

const Kernels kAvx2Kernels = body_of<Isa>("avx2", copy_far<Isa>, end_far_copies, copy_crc32c<Isa>);

}  // namespace headrace

#endif
