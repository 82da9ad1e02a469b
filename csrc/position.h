// Position: where a stream of records goes on; the whole state of a sequential chain.
#pragma once

#include <cstdint>
#include <vector>

namespace headrace {

struct Position {
  uint64_t pass = 0;
  uint64_t file = 0;     // index
  uint64_t offset = 0;   // of the next record in it
  uint64_t ordinal = 0;  // of the next record in it
  std::vector<int64_t> plan;
  bool ended = false;
};

}  // namespace headrace
