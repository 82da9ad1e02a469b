// Marks: places of the source from which a window could be filled again.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "position.h"

namespace headrace {

// Numbered as they come. A mark stays while it is held, and so do all behind it; the latest always.
class Marks {
 public:
  uint32_t add(Position at) {
    drop_idle();
    marks_.push_back({std::move(at), 0});
    return first_ + static_cast<uint32_t>(marks_.size()) - 1;
  }

  void hold(uint32_t mark) { ++marks_[mark - first_].holds; }
  void release(uint32_t mark) { --marks_[mark - first_].holds; }

  // At least one has been added.
  const Position& oldest() {
    drop_idle();
    return marks_.front().at;
  }

 private:
  struct Mark {
    Position at;
    uint32_t holds;
  };

  void drop_idle() {
    for (; marks_.size() > 1 && marks_.front().holds == 0; ++first_) marks_.pop_front();
  }

  std::deque<Mark> marks_;
  uint32_t first_ = 0;  // the number of the first
};

}  // namespace headrace
