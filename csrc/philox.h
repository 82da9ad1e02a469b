// Philox: the counter-based generator behind tf.data's shuffle.
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with the
// key and counter layout of tensorflow::random::PhiloxRandom(seed_lo, seed_hi). Any output can be
// had without those before it.
#pragma once

#include <array>
#include <cstdint>

namespace headrace {

class Philox {
 public:
  Philox() = default;
  Philox(uint64_t lo, uint64_t hi) : lo_(lo), hi_(hi) {}

  // Output number t of the sequence, counted from 0.
  uint32_t at(uint64_t t) {
    Block& block = blocks_[t / 4 % blocks_.size()];
    if (block.number != t / 4) block = {t / 4, generate(t / 4)};
    return block.outputs[t % 4];
  }

  uint64_t lo() const { return lo_; }
  uint64_t hi() const { return hi_; }

 private:
  std::array<uint32_t, 4> generate(uint64_t block) const {
    std::array<uint32_t, 4> c = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                 static_cast<uint32_t>(hi_), static_cast<uint32_t>(hi_ >> 32)};
    uint32_t key0 = static_cast<uint32_t>(lo_), key1 = static_cast<uint32_t>(lo_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xd2511f53} * c[0], b = uint64_t{0xcd9e8d57} * c[2];
      c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(b),
           static_cast<uint32_t>(a >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(a)};
      key0 += 0x9e3779b9;
      key1 += 0xbb67ae85;
    }
    return c;
  }

  uint64_t lo_ = 0, hi_ = 0;
  // The latest blocks, so that looking a little ahead costs nothing.
  struct Block {
    uint64_t number = UINT64_MAX;
    std::array<uint32_t, 4> outputs{};
  };
  std::array<Block, 8> blocks_{};
};

}  // namespace headrace
