// Stories of a window that is large enough for its segments to be merged: records come out in the
// order of the shuffle with their bytes, origins and marks, and what they leave behind stays small.
#include "mixer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

using namespace headrace;

namespace {

constexpr uint64_t kWindow = 30'000;
constexpr uint64_t kRecords = 6 * kWindow;
constexpr uint64_t kBlock = 100;            // records
constexpr uint64_t kAllowance = 18u << 20;  // bytes in vain that are no matter, and a block

// Now and then one that is larger than others' whole blocks.
uint32_t size_of(uint64_t number) {
  return number % 5000 == 17 ? 300'000 : static_cast<uint32_t>(500 + number * 7919 % 1500);
}

uint8_t byte_of(uint64_t number, uint32_t at) {
  return static_cast<uint8_t>(number * 31 + at % 251);
}

void write(uint64_t number, uint8_t* to) {
  for (uint32_t i = 0; i < size_of(number); ++i) to[i] = byte_of(number, i);
}

bool holds(uint64_t number, const uint8_t* data) {
  for (uint32_t i = 0; i < size_of(number); ++i) {
    if (data[i] != byte_of(number, i)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("merging changes where records lie and nothing else") {
  Verb verb{Verb::kShuffle, kWindow};
  verb.seeds = {5, 6, false};
  Mixer mixer(&verb);
  mixer.start_at({});
  Shuffle<uint32_t> numbers(kWindow, verb.seeds.iterator(0));  // the same, of numbers
  std::set<uint64_t> live;                                     // in the window
  uint64_t live_bytes = 0, most = 0, behind = 0;
  bool bounded = true, same = true;

  for (uint64_t first = 0; first < kRecords; first += kBlock) {
    size_t bytes = 0;
    for (uint64_t i = 0; i < kBlock; ++i) bytes += size_of(first + i);
    Buffer memory(bytes + kSlop);
    uint8_t* const begin = memory.data();
    Position at;
    at.ordinal = first;
    mixer.mark(at);
    const uint32_t segment = mixer.add_segment(
        std::move(memory), bytes,
        {first, 1'000'000 * (first / kBlock), static_cast<uint32_t>(first / kBlock % 3), 0});
    uint32_t offset = 0;
    for (uint64_t i = 0; i < kBlock; ++i) {
      const uint64_t number = first + i;
      write(number, begin + offset);
      const Window::Entry entry{segment, offset, size_of(number), static_cast<uint32_t>(i)};
      offset += entry.size;
      live.insert(number);
      live_bytes += entry.size;
      numbers.push(static_cast<uint32_t>(number));
      REQUIRE(mixer.steady() == numbers.full());
      if (!mixer.steady()) {
        mixer.push(entry);
        continue;
      }
      const Window::Entry out = mixer.exchange(entry);
      mixer.entered(segment, 1, entry.size);
      const uint32_t expected = numbers.draw();
      Window& window = mixer.window();
      const uint8_t* const data = window.take(out);
      const Window::Origin origin = window.origin(out.segment, out.index, out.at);
      same = same && out.size == size_of(expected) && holds(expected, data) &&
             origin.ordinal == expected && origin.file == expected / kBlock % 3 &&
             origin.offset / 1'000'000 == expected / kBlock;
      window.give_back(out.segment, 1);
      live.erase(expected);
      live_bytes -= size_of(expected);
    }
    mixer.let_go(segment);
    most = std::max(most, mixer.window().memory());
    bounded = bounded && mixer.window().memory() <= 2 * live_bytes + kAllowance;
    Position oldest;
    mixer.tell(oldest);
    same = same && oldest.ordinal <= *live.begin();
    behind = std::max(behind, *live.begin() - oldest.ordinal);
  }
  CHECK(same);
  CHECK(bounded);
  CHECK(most > live_bytes + kAllowance);  // else nothing would have been merged
  CHECK(behind < 4 * kWindow);            // a restart begins not long before the oldest
  while (mixer.left() != 0) {
    const Window::Entry out = mixer.draw();
    const uint32_t expected = numbers.draw();
    same = same && holds(expected, mixer.window().take(out));
    mixer.window().give_back(out.segment, 1);
  }
  CHECK(same);
  CHECK(numbers.empty());
  CHECK(mixer.window().memory() == 0);
  CHECK(mixer.window().live_bytes() == 0);
}
