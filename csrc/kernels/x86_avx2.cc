// The body for x86-64 CPUs with AVX2 and BMI2 (and what x86_sse42.cc needs). Compiled for them: see
// CMakeLists.txt.
#if defined(__x86_64__)

#include <immintrin.h>

#include "kernels/bodies.h"
#include "kernels/copy.h"
#include "kernels/varint.h"
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

  static uint64_t extract(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }
  static uint64_t extract_two(uint64_t w, uint64_t mask) { return _pext_u64(w, mask); }
};

}  // namespace

const Kernels kAvx2Kernels = {
    "avx2",
    crc32c<Isa>,
    verify_lengths<Isa>,
    verify_payloads<Isa>,
    count_varints<Isa>,
    decode_varints<Isa>,
    decode_single_varints<Isa>,
    count_lists<Isa>,
    copy_far<Isa>,
    end_far_copies,
};

}  // namespace headrace

#endif
