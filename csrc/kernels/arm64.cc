// The body for arm64 CPUs with CRC32 and PMULL. Compiled for them: see CMakeLists.txt.
#if defined(__aarch64__)

#include <arm_acle.h>
#include <arm_neon.h>

#include "kernels/bodies.h"
#include "kernels/body.h"

namespace headrace {
namespace {

struct Isa : Plain {
  static constexpr size_t kLong = 96;

  static CrcState crc_word(CrcState state, uint64_t w) {
    return __crc32cd(static_cast<uint32_t>(state), w);
  }

  static uint64_t product(uint64_t a, uint64_t b) {
    return vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64(a, b)), 0);
  }

  static CrcState crc(CrcState state, const uint8_t* p, size_t n) {
    return crc_three_streams<Isa>(state, p, n);
  }

  // Each byte's own bit within its group of 8 if it continues a varint, else 0.
  static uint8x16_t own_bits(const uint8_t* p) {
    const uint8x16_t bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vandq_u8(vreinterpretq_u8_s8(vshrq_n_s8(vreinterpretq_s8_u8(vld1q_u8(p)), 7)), bits);
  }

  static uint32_t continued_16(const uint8_t* p) {
    uint8x16_t own = own_bits(p);
    return vaddv_u8(vget_low_u8(own)) | static_cast<uint32_t>(vaddv_u8(vget_high_u8(own))) << 8;
  }

  static constexpr size_t kAtOnce = 16;
  static uint64_t continued_first(const uint8_t* p) { return continued_16(p); }

  // Three pairwise sums add up the groups.
  static uint64_t continued(const uint8_t* p) {
    uint8x16_t low = vpaddq_u8(own_bits(p), own_bits(p + 16));
    uint8x16_t high = vpaddq_u8(own_bits(p + 32), own_bits(p + 48));
    uint8x16_t sums = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
  }
};

}  // namespace

const Kernels kArm64Kernels = body_of<Isa>("arm64", copy_near, nothing_to_end, nullptr);

}  // namespace headrace

#endif
