// The bodies behind the contract, and the choice among them. For kernels.cc and the tests.
#pragma once

#include "kernels/kernels.h"

namespace headrace {

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kSse42Kernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#elif defined(__aarch64__)
extern const Kernels kArm64Kernels;
#endif

// The body called `name` if this CPU can run it, else std::runtime_error that lists those it can
// run. The best one if `name` is null or empty.
const Kernels& choose_kernels(const char* name);

}  // namespace headrace
