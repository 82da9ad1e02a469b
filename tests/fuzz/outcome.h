// How a fuzz target ends when it has found something.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace headrace::testing {

inline void expect_agreement(const std::string& disagreement) {
  if (disagreement.empty()) return;
  std::fprintf(stderr, "%s\n", disagreement.c_str());
  std::abort();
}

}  // namespace headrace::testing
