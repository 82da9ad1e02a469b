#include "kernels/kernels.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/bodies.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace headrace {
namespace {

#if defined(__x86_64__)
// Zen 1 and 2, their Hygon kin and AMD's older cores have BMI2, but run pext in microcode.
bool has_slow_pext() {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return false;
  constexpr unsigned kHygonGenuine = 0x656e6975, kAuthenticAmd = 0x444d4163;  // their last 4 bytes
  if (ecx == kHygonGenuine) return true;
  if (ecx != kAuthenticAmd) return false;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  return (eax >> 8 & 0xf) + (eax >> 20 & 0xff) < 0x19;
}

// Not all compilers know it by name.
bool has_f16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}
#endif

// The bodies that this CPU can run, slowest first, and the one among them that is best for it.
struct Bodies {
  const Kernels* runnable[4] = {};
  size_t count = 0;
  const Kernels* best = nullptr;

  void add(const Kernels& body, bool prefer = true) {
    runnable[count++] = &body;
    if (prefer) best = &body;
  }

  Bodies() {
    add(kPortableKernels);
#if defined(__x86_64__)
    // These checks include that the operating system saves the wider registers.
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("pclmul") ||
        !__builtin_cpu_supports("popcnt")) {
      return;
    }
    add(kSse42Kernels);
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !has_f16c()) {
      return;
    }
    add(kAvx2Kernels, !has_slow_pext());
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vbmi2") ||
        !__builtin_cpu_supports("vpclmulqdq")) {
      return;
    }
    add(kAvx512Kernels);
#elif defined(__aarch64__) && defined(__linux__)
    constexpr unsigned long kNeeded = HWCAP_CRC32 | HWCAP_PMULL;
    if ((getauxval(AT_HWCAP) & kNeeded) == kNeeded) add(kArm64Kernels);
#elif defined(__aarch64__) && defined(__APPLE__)
    add(kArm64Kernels);  // all of Apple's have both
#endif
  }
};

const Bodies& bodies() {
  static const Bodies found;
  return found;
}

}  // namespace

std::span<const Kernels* const> runnable_kernels() { return {bodies().runnable, bodies().count}; }

const Kernels& choose_kernels(const char* name) {
  if (name == nullptr || *name == '\0') return *bodies().best;
  std::string names;
  for (const Kernels* body : runnable_kernels()) {
    if (std::strcmp(body->name, name) == 0) return *body;
    names += names.empty() ? body->name : std::string(", ") + body->name;
  }
  throw std::runtime_error("HEADRACE_CPU=" + std::string(name) +
                           ": no such kernels on this CPU; it can run " + names);
}

const Kernels& kernels() {
  static const Kernels& chosen = choose_kernels(std::getenv("HEADRACE_CPU"));
  return chosen;
}

}  // namespace headrace
