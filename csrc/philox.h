// Philox: the counter-based generator behind tf.data's shuffle.
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with the
// key and counter layout of tensorflow::random::PhiloxRandom(seed_lo, seed_hi). Any output can be
// had without those before it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace headrace {

class Philox {
 public:
  Philox() = default;
  Philox(uint64_t lo, uint64_t hi) : lo_(lo), hi_(hi) {}

  // Output number t of the sequence, counted from 0.
  uint32_t at(uint64_t t) {
    Block& block = blocks_[t / 4 % blocks_.size()];
    if (block.number != t / 4) block = {t / 4, outputs<1>(t / 4)};
    return block.outputs[t % 4];
  }

  // Four outputs each of consecutive blocks, from output number 4 * `block` on.
  template <size_t kBlocks>
  std::array<uint32_t, 4 * kBlocks> outputs(uint64_t block) const {
    std::array<uint32_t, kBlocks> a, b, c, d;  // side by side, for vectors
    for (size_t i = 0; i < kBlocks; ++i) {
      a[i] = static_cast<uint32_t>(block + i);
      b[i] = static_cast<uint32_t>((block + i) >> 32);
      c[i] = static_cast<uint32_t>(hi_);
      d[i] = static_cast<uint32_t>(hi_ >> 32);
    }
    uint32_t key0 = static_cast<uint32_t>(lo_), key1 = static_cast<uint32_t>(lo_ >> 32);
    for (int round = 0; round < 10; ++round) {
      for (size_t i = 0; i < kBlocks; ++i) {
        const uint64_t left = uint64_t{0xd2511f53} * a[i], right = uint64_t{0xcd9e8d57} * c[i];
        a[i] = static_cast<uint32_t>(right >> 32) ^ b[i] ^ key0;
        b[i] = static_cast<uint32_t>(right);
        c[i] = static_cast<uint32_t>(left >> 32) ^ d[i] ^ key1;
        d[i] = static_cast<uint32_t>(left);
      }
      key0 += 0x9e3779b9;
      key1 += 0xbb67ae85;
    }
    std::array<uint32_t, 4 * kBlocks> all;
    for (size_t i = 0; i < kBlocks; ++i) {
      all[4 * i] = a[i], all[4 * i + 1] = b[i], all[4 * i + 2] = c[i], all[4 * i + 3] = d[i];
    }
    return all;
  }

  uint64_t lo() const { return lo_; }
  uint64_t hi() const { return hi_; }

 private:
  uint64_t lo_ = 0, hi_ = 0;
  // The latest blocks, so that looking a little ahead costs nothing.
  struct Block {
    uint64_t number = UINT64_MAX;
    std::array<uint32_t, 4> outputs{};
  };
  std::array<Block, 8> blocks_{};
};

}  // namespace headrace
