// Any bytes as a recipe for a file: every policy must find what it says, for any cut into blocks.
#include "outcome.h"
#include "recipes.h"

using namespace headrace::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 512) return 0;  // the definition is slow
  expect_agreement(scan_disagreement(cook(data, size)));
  return 0;
}
