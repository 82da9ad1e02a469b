// The body for x86-64 CPUs with SSE4.2, PCLMULQDQ and POPCNT. Compiled for them: see
// CMakeLists.txt.
#if defined(__x86_64__)

#include "kernels/bodies.h"
#include "kernels/body.h"
#include "kernels/copy_crc32c.h"
#include "kernels/x86.h"

namespace headrace {
namespace {

struct Isa : Sse42, Plain {
  static uint64_t continued(const uint8_t* p) {
    uint64_t more = 0;
    for (size_t i = 0; i < 64; i += 16) more |= uint64_t{continued_16(p + i)} << i;
    return more;
  }
};

}  // namespace

const Kernels kSse42Kernels =
    body_of<Isa>("sse42", copy_far<Isa>, end_far_copies, copy_crc32c<Isa>);

}  // namespace headrace

#endif
