#include "forecast.h"

#include <bit>
#include <utility>

namespace headrace {

Forecast::Forecast(const Philox& generator, uint64_t drawn, std::vector<uint32_t> ring,
                   uint64_t horizon)
    : size_(ring.size()),
      horizon_(horizon),
      foresight_(size_, generator),
      ring_(std::move(ring)),
      delay_(std::bit_ceil(horizon + 2)),
      mask_(delay_.size() - 1),
      seen_(drawn),
      next_(drawn + size_ - 1) {}

uint64_t Forecast::draw_of(uint64_t input) {
  next_ = input;
  const uint64_t first = input + 1 - size_;
  look(first + horizon_);
  const uint32_t delay = delay_[input & mask_];
  return delay == 0 ? kFar : first + (delay - 1);
}

// Each draw, and then what goes in before the next, as in Shuffle::exchange().
void Forecast::look(uint64_t until) {
  for (; seen_ < until; ++seen_) {
    const uint64_t place = foresight_.place(seen_), first = seen_ % size_;
    __builtin_prefetch(ring_.data() + foresight_.later(seen_), 1);
    const uint32_t element = ring_[place];
    ring_[place] = ring_[first];
    // Of what has gone in already nobody will ask.
    const uint32_t to_come = element - static_cast<uint32_t>(next_);
    if (static_cast<int32_t>(to_come) >= 0) {
      const auto entered = static_cast<uint32_t>(element + 1 - size_);
      delay_[element & mask_] = static_cast<uint32_t>(seen_) - entered + 1;
    }
    const uint64_t enters = seen_ + size_;
    ring_[first] = static_cast<uint32_t>(enters);
    delay_[enters & mask_] = 0;
  }
}

}  // namespace headrace
