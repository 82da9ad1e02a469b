#include "shuffle.h"

#include <algorithm>

namespace headrace {

std::vector<uint64_t> shuffle_contents(uint64_t buffer_size, Philox generator, uint64_t drawn,
                                       uint64_t pushed) {
  const uint64_t live = pushed - drawn;
  const uint64_t places = std::min(buffer_size, pushed);
  std::vector<uint64_t> found(places, kNothing);
  // At each place: which of today's places its element of that time has gone to.
  std::vector<uint64_t> goes_to(places, kNothing);
  for (uint64_t i = 0; i < live; ++i) {
    const uint64_t place = (drawn + i) % buffer_size;
    goes_to[place] = place;
  }
  uint64_t unknown = live;
  const auto arrives = [&](uint64_t element) {  // an element enters the ring: its origin is known
    uint64_t& today = goes_to[element % buffer_size];
    if (today == kNothing) return;
    found[today] = element;
    today = kNothing;
    --unknown;
  };
  for (uint64_t step = drawn; unknown > 0;) {
    // Between draw number `step` and the one before, one element entered (none once the input had
    // ended); before draw 0 the first ones did.
    if (step == 0) {
      for (uint64_t element = 0; element < places; ++element) arrives(element);
      break;
    }
    if (const uint64_t entered = step + buffer_size - 1; entered < pushed) arrives(entered);
    --step;
    const uint64_t count = std::min(buffer_size, pushed - step);  // live at that draw
    const uint64_t first = step % buffer_size;
    const uint64_t place = (first + generator.at(step) % count) % buffer_size;
    if (place == first) continue;
    goes_to[first] = goes_to[place];
    goes_to[place] = kNothing;
  }
  return found;
}

}  // namespace headrace
