// Refill: which records of the input a window held when its state was taken.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "shuffle.h"

namespace headrace {

// Nothing, until begun by a restore.
class Refill {
 public:
  Refill() = default;
  Refill(uint64_t buffer_size, const Philox& generator, uint64_t drawn, uint64_t pushed)
      : until_(pushed) {
    const auto contents = shuffle_contents(buffer_size, generator, drawn, pushed);
    for (uint64_t place = 0; place < contents.size(); ++place) {
      if (contents[place] != kNothing) wanted_.push_back({contents[place], place});
    }
    std::sort(wanted_.begin(), wanted_.end(),
              [](const auto& a, const auto& b) { return a.input < b.input; });
  }

  // Puts the numbers of what the window held into a ring of them, by place.
  void tell(std::vector<uint32_t>& ring) const {
    for (const Wanted& wanted : wanted_) ring[wanted.place] = static_cast<uint32_t>(wanted.input);
  }

  // Whether the record with this number had gone into the window before.
  bool knows(uint64_t input) const { return input < until_; }

  // Where it is in the window, if it still is. For one after another.
  std::optional<uint64_t> place(uint64_t input) {
    if (next_ == wanted_.size() || wanted_[next_].input != input) return std::nullopt;
    return wanted_[next_++].place;
  }

 private:
  struct Wanted {
    uint64_t input, place;
  };
  std::vector<Wanted> wanted_;  // by number of the input
  size_t next_ = 0;
  uint64_t until_ = 0;
};

}  // namespace headrace
