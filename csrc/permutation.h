// Permutation: a shuffle of [0, n) that is computed, not stored.
//
// What a keyed permutation must be, for the order of training data: indistinguishable from a true
// shuffle by statistics, another one for each (seed, epoch), the same on every machine. It is no
// cipher and keeps no secret.
//
// Construction. An index is a pair (left, right) of the grid rows x 2^k, k about half the bits of n
// and rows = ceil(n / 2^k); a Feistel network over modular addition,
//   left = (left + f(right)) mod rows,  right = (right + f'(left)) mod 2^k,  again with new keys,
// permutes the grid, and an image outside of [0, n), rarer than one in 2^k, is permuted again
// until it lies inside (cycle walking). Both are from J. Black and P. Rogaway, "Ciphers with
// Arbitrary Finite Domains" (CT-RSA 2002). f multiplies twice with a fold between, and takes the
// high part of the product with the range. Small grids mix less in a round, so they get more:
// 2^(k * pairs of rounds) is at least 2^32, and there are at least 4 pairs. (Addition and not
// exclusive or: xor with a constant is an even permutation, and then so is the whole.) The keys
// are SplitMix64's numbers, from a start that seed, epoch and n go into one after another.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>

namespace headrace {

class Permutation {
 public:
  static constexpr uint64_t kLargest = uint64_t{1} << 48;

  // Throws std::invalid_argument if n is larger than kLargest.
  Permutation(uint64_t n, uint64_t seed, uint64_t epoch);

  uint64_t size() const { return n_; }

  // Where i goes; i < size().
  uint64_t operator()(uint64_t i) const;

  // Who comes to j; j < size().
  uint64_t inverse(uint64_t j) const;

 private:
  uint64_t n_;
  uint64_t rows_ = 0;
  unsigned k_ = 0;
  unsigned pairs_ = 1;               // of rounds
  std::array<uint64_t, 64> keys_{};  // 2 * pairs_ are used
};

}  // namespace headrace
