// What is foretold of a shuffle is what it does.
#include "forecast.h"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <vector>

#include "shuffle.h"

using namespace headrace;

namespace {

// By element of the input: the draw that gave it.
std::map<uint64_t, uint64_t> draws_of(uint64_t size, const Philox& generator, uint64_t draws) {
  std::map<uint64_t, uint64_t> found;
  Shuffle<uint64_t> shuffle(size, generator);
  uint64_t input = 0;
  while (!shuffle.steady()) shuffle.push(input++);
  for (uint64_t draw = 0; draw < draws; ++draw) found[shuffle.exchange(input++)] = draw;
  return found;
}

}  // namespace

TEST_CASE("each element's draw is known when it goes in, if it is not far") {
  for (const uint64_t size : {1, 2, 3, 17, 100, 1000}) {
    for (const uint64_t horizon : {uint64_t{1}, size / 2 + 1, size, 2 * size + 3, 9 * size}) {
      CAPTURE(size);
      CAPTURE(horizon);
      const Philox generator(size, horizon);
      const uint64_t inputs = 5 * size + 300;
      const auto expected = draws_of(size, generator, inputs + horizon);
      std::vector<uint32_t> ring(size);
      std::iota(ring.begin(), ring.end(), 0u);
      Forecast forecast(generator, 0, ring, horizon);
      bool same = true;
      uint64_t far = 0;
      for (uint64_t input = size - 1; input < inputs; ++input) {
        const auto draw = expected.find(input);
        const bool near = draw != expected.end() && draw->second < input + 1 - size + horizon;
        same = same && forecast.draw_of(input) == (near ? draw->second : Forecast::kFar);
        far += !near;
      }
      CHECK(same);
      if (size == 1) CHECK(far == 0);
      if (size > 1 && horizon <= size) CHECK(far > inputs / 10);
    }
  }
}

TEST_CASE("a forecast begins anywhere, and some elements need not be asked for") {
  constexpr uint64_t kSize = 60, kHorizon = 150;
  const Philox generator(3, 4);
  const auto expected = draws_of(kSize, generator, 3000);
  for (const uint64_t drawn : {1, 59, 60, 61, 500, 1234}) {
    const uint64_t pushed = drawn + kSize - 1;
    std::vector<uint32_t> ring(kSize);
    const auto contents = shuffle_contents(kSize, generator, drawn, pushed);
    for (uint64_t place = 0; place < kSize; ++place) {
      ring[place] = static_cast<uint32_t>(contents[place]);
    }
    ring[pushed % kSize] = static_cast<uint32_t>(pushed);
    Forecast forecast(generator, drawn, ring, kHorizon);
    bool same = true;
    for (uint64_t input = pushed; input < pushed + 1000; input += 1 + input % 3) {
      const auto draw = expected.find(input);
      const bool near = draw != expected.end() && draw->second < input + 1 - kSize + kHorizon;
      same = same && forecast.draw_of(input) == (near ? draw->second : Forecast::kFar);
    }
    CHECK(same);
  }
}
