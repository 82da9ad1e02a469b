// Scans of files of good, damaged and false records, against the definition of each policy.
#include "scan.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "recipes.h"

using namespace headrace;
using namespace headrace::testing;

TEST_CASE("a scan finds what its policy says, for any cut into blocks") {
  std::mt19937_64 engine(23);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(engine);
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<uint8_t> recipe;
    for (size_t i = below(12); i != 0; --i) {
      const size_t n = below(20);
      recipe.push_back(static_cast<uint8_t>(round % 3 == 0 ? below(2) : below(256)));
      recipe.push_back(static_cast<uint8_t>(n));
      for (size_t k = 0; k < n; ++k) recipe.push_back(static_cast<uint8_t>(below(256)));
    }
    std::string file = cook(recipe.data(), recipe.size());
    CHECK(scan_disagreement(file) == "");
    if (file.empty()) continue;
    file.resize(below(file.size()));
    CHECK(scan_disagreement(file) == "");
  }
}
