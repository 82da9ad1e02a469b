// The shares of ranks, counted out.
#include "even.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using headrace::Even;
using headrace::even_count;
using headrace::even_ordinal;

namespace {

struct Share {
  std::vector<uint64_t> ordinals;
  std::vector<bool> valid;
};

Share share(uint64_t total, uint64_t shards, uint64_t index, Even even) {
  Share result;
  for (uint64_t k = 0; k < even_count(total, shards, index, even); ++k) {
    const auto [ordinal, valid] = even_ordinal(total, shards, index, k, even);
    result.ordinals.push_back(ordinal);
    result.valid.push_back(valid);
  }
  return result;
}

using Numbers = std::vector<uint64_t>;
using Flags = std::vector<bool>;

}  // namespace

TEST_CASE("the shares of ten records") {
  CHECK(share(10, 4, 1, Even::kNo).ordinals == Numbers{1, 5, 9});
  CHECK(share(10, 4, 2, Even::kNo).ordinals == Numbers{2, 6});
  CHECK(share(10, 4, 1, Even::kDrop).ordinals == Numbers{1, 5});
  CHECK(share(10, 4, 2, Even::kDrop).ordinals == Numbers{2, 6});
  CHECK(share(10, 4, 1, Even::kPad).ordinals == Numbers{1, 5, 9});
  CHECK(share(10, 4, 2, Even::kPad).ordinals == Numbers{2, 6, 2});
  CHECK(share(10, 4, 2, Even::kPad).valid == Flags{true, true, false});
  CHECK(share(10, 4, 2, Even::kWrap).ordinals == Numbers{2, 6, 0});
  CHECK(share(10, 4, 3, Even::kWrap).ordinals == Numbers{3, 7, 1});
  CHECK(share(10, 4, 3, Even::kWrap).valid == Flags{true, true, true});
}

TEST_CASE("fewer records than ranks, and none") {
  CHECK(share(2, 5, 1, Even::kPad).ordinals == Numbers{1});
  CHECK(share(2, 5, 4, Even::kPad).ordinals == Numbers{0});
  CHECK(share(2, 5, 4, Even::kPad).valid == Flags{false});
  CHECK(share(2, 5, 4, Even::kWrap).ordinals == Numbers{0});
  CHECK(share(2, 5, 3, Even::kWrap).ordinals == Numbers{1});
  CHECK(share(2, 5, 0, Even::kDrop).ordinals.empty());
  CHECK(share(2, 5, 4, Even::kNo).ordinals.empty());
  for (const Even even : {Even::kNo, Even::kDrop, Even::kPad, Even::kWrap}) {
    CHECK(share(0, 3, 1, even).ordinals.empty());
  }
}

TEST_CASE("all shares together") {
  for (const Even even : {Even::kNo, Even::kDrop, Even::kPad, Even::kWrap}) {
    for (uint64_t total = 0; total <= 40; ++total) {
      for (uint64_t shards = 1; shards <= 12; ++shards) {
        Numbers valid;
        for (uint64_t index = 0; index < shards; ++index) {
          const Share own = share(total, shards, index, even);
          for (size_t k = 0; k < own.ordinals.size(); ++k) {
            REQUIRE(own.ordinals[k] < total);
            if (own.valid[k]) valid.push_back(own.ordinals[k]);
          }
          if (even != Even::kNo) {
            REQUIRE(own.ordinals.size() == even_count(total, shards, 0, even));
          }
        }
        std::sort(valid.begin(), valid.end());
        const bool wraps = even == Even::kWrap;
        if (wraps) valid.erase(std::unique(valid.begin(), valid.end()), valid.end());
        const uint64_t kept = even == Even::kDrop ? total / shards * shards : total;
        REQUIRE(valid.size() == kept);  // each of them once
        for (uint64_t i = 0; i < kept; ++i) REQUIRE(valid[i] == i);
      }
    }
  }
}
