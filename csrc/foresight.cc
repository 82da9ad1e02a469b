#include "foresight.h"

#include <algorithm>

namespace headrace {
namespace {

// random % size by two products (D. Lemire et al., "Faster remainder by direct computation", 2019).
inline uint64_t remainder(uint32_t random, uint64_t size, uint64_t inverse) {
  if (size > UINT32_MAX) return random;
  __extension__ using uint128_t = unsigned __int128;
  return static_cast<uint64_t>((static_cast<uint128_t>(inverse * random) * size) >> 64);
}

}  // namespace

void Foresight::look(uint64_t draw) {
  known_ = std::max(known_, draw / kStep * kStep);
  const auto random = generator_.outputs<kStep / 4>(known_ / 4);
  uint64_t oldest = known_ % size_;
  for (size_t i = 0; i < kStep; ++i, ++known_) {
    const uint64_t place = oldest + remainder(random[i], size_, inverse_);
    soon_[known_ % soon_.size()] = place < size_ ? place : place - size_;
    oldest = oldest + 1 == size_ ? 0 : oldest + 1;
  }
}

}  // namespace headrace
