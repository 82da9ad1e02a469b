// The policies for damaged records by their names in Python.
#pragma once

#include <array>
#include <stdexcept>
#include <string>

#include "scan.h"

namespace headrace {

inline constexpr std::array<const char*, 4> kPolicyNames = {"raise", "skip", "stop_file", "tf"};

inline const char* name_of(OnCorruption policy) {
  return kPolicyNames[static_cast<size_t>(policy)];
}

inline OnCorruption policy_of(const std::string& name) {
  for (size_t i = 0; i < kPolicyNames.size(); ++i) {
    if (name == kPolicyNames[i]) return static_cast<OnCorruption>(i);
  }
  throw std::invalid_argument("unknown policy: " + name);
}

}  // namespace headrace
