// Foresight: where the next draws from a full ring fall, some time before they are made.
#pragma once

#include <array>
#include <cstdint>

#include "philox.h"

namespace headrace {

// A draw from a ring of `size` places gives the place that lies the draw's random number, modulo
// `size`, behind the oldest one, which is that of the draw's own number.
class Foresight {
 public:
  Foresight(uint64_t size, const Philox& generator)
      : size_(size), inverse_(UINT64_MAX / size + 1), generator_(generator) {}

  // Of draw number `draw`; numbers never go back.
  uint64_t place(uint64_t draw) {
    while (known_ <= draw + kAhead) look(draw);
    return soon_[draw % soon_.size()];
  }
  // A hint for the cache: of a draw that comes so many later. Behind place(draw).
  uint64_t later(uint64_t draw) const { return soon_[(draw + kAhead) % soon_.size()]; }

 private:
  static constexpr uint64_t kAhead = 16, kStep = 16;

  void look(uint64_t draw);

  uint64_t size_, inverse_;
  Philox generator_;
  uint64_t known_ = 0;  // the places of the latest draws before this one
  std::array<uint64_t, kAhead + kStep> soon_{};
};

}  // namespace headrace
