#include "kernels/kernels.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/bodies.h"

namespace headrace {
namespace {

// The bodies that this CPU can run, slowest first, and the one among them that is best for it.
struct Bodies {
  const Kernels* runnable[1] = {};
  size_t count = 0;
  const Kernels* best = nullptr;

  void add(const Kernels& body, bool prefer = true) {
    runnable[count++] = &body;
    if (prefer) best = &body;
  }

  Bodies() { add(kPortableKernels); }
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
