// What the pool keeps of memory that was given back.
#include "buffer.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "shelves.h"

using namespace headrace;

TEST_CASE("shelves are shed of what nobody asks for, the coldest first") {
  std::array<uint8_t, 8> memory;
  Shelves shelves;
  for (size_t i = 1; i < 5; ++i) shelves.put(&memory[i], 30);
  shelves.put(&memory[0], 100);
  CHECK(shelves.take(100) == &memory[0]);
  shelves.put(&memory[0], 100);
  CHECK(shelves.bytes() == 220);
  std::vector<uint8_t*> gone;
  const auto note = [&](uint8_t* one, size_t) { gone.push_back(one); };
  shelves.shed(31, note);
  CHECK(gone == std::vector<uint8_t*>{&memory[1], &memory[2]});
  CHECK(shelves.bytes() == 160);
  CHECK(shelves.take(30) == &memory[4]);  // the warmest
  CHECK(shelves.bytes() == 130);
  shelves.shed(1, note);
  CHECK(gone.back() == &memory[0]);
  CHECK(shelves.bytes() == 30);
  shelves.shed(1000, note);
  CHECK(gone.back() == &memory[3]);
  CHECK(shelves.bytes() == 0);
  shelves.shed(1, note);
  CHECK(gone.size() == 4);
}

TEST_CASE("buffers of sizes that nobody asks for any more make way") {
  constexpr size_t kMega = size_t{1} << 20;
  trim_pool();
  const size_t before = pool_stats().in_use;
  for (size_t size = kMega; size <= 16 * kMega; size *= 2) {
    std::vector<Buffer> buffers;
    while (pool_stats().in_use < before + 256 * kMega) buffers.emplace_back(size);
  }
  const PoolStats stats = pool_stats();
  CHECK(stats.free >= 256 * kMega);
  CHECK(stats.in_use + stats.free <= stats.peak + 160 * kMega);
  trim_pool();
  CHECK(pool_stats().free == 0);
}
