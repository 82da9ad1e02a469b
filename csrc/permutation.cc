#include "permutation.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace headrace {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// SplitMix64's output function.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A number in [0, range) that `half` and the key decide.
inline uint64_t draw(uint64_t half, uint64_t key, uint64_t range) {
  uint64_t h = (half ^ key) * kGolden;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93;
  __extension__ using uint128_t = unsigned __int128;
  return static_cast<uint64_t>((static_cast<uint128_t>(h) * range) >> 64);
}

}  // namespace

Permutation::Permutation(uint64_t n, uint64_t seed, uint64_t epoch) : n_(n) {
  if (n > kLargest) {
    throw std::invalid_argument("a permutation of " + std::to_string(n) +
                                " numbers: more than 2^48 are not supported");
  }
  if (n == 0) return;
  k_ = static_cast<unsigned>(std::bit_width(n - 1)) / 2;
  rows_ = ((n - 1) >> k_) + 1;
  if (k_ > 0) pairs_ = std::max(4u, (32 + k_ - 1) / k_);
  uint64_t state = mix(seed + kGolden);
  state = mix(state + epoch + kGolden);
  state = mix(state + n + kGolden);
  for (unsigned i = 0; i < 2 * pairs_; ++i) keys_[i] = mix(state += kGolden);
}

uint64_t Permutation::operator()(uint64_t i) const {
  assert(i < n_);
  const uint64_t columns = uint64_t{1} << k_;
  do {
    uint64_t left = i >> k_;
    uint64_t right = i & (columns - 1);
    for (unsigned round = 0; round < 2 * pairs_; round += 2) {
      left += draw(right, keys_[round], rows_);
      left -= left >= rows_ ? rows_ : 0;
      right = (right + draw(left, keys_[round + 1], columns)) & (columns - 1);
    }
    i = left << k_ | right;
  } while (i >= n_);
  return i;
}

uint64_t Permutation::inverse(uint64_t j) const {
  assert(j < n_);
  const uint64_t columns = uint64_t{1} << k_;
  do {
    uint64_t left = j >> k_;
    uint64_t right = j & (columns - 1);
    for (unsigned round = 2 * pairs_; round > 0; round -= 2) {
      right = (right - draw(left, keys_[round - 1], columns)) & (columns - 1);
      left += rows_ - draw(right, keys_[round - 2], rows_);
      left -= left >= rows_ ? rows_ : 0;
    }
    j = left << k_ | right;
  } while (j >= n_);
  return j;
}

}  // namespace headrace
