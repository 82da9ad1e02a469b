// Blocks: what is asked for ahead of their reading.
#include "blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "files.h"

using namespace headrace;
using namespace headrace::testing;

TEST_CASE("read-ahead asks for each byte once, across files, far enough and not too far") {
  constexpr uint64_t kMiB = 1 << 20;
  const std::vector<uint64_t> sizes = {90 * kMiB + 5, 0,         1, 3 * kMiB, 70 * kMiB, 0,
                                       100,           40 * kMiB, 0};
  Folder folder;
  std::vector<std::string> paths;
  for (size_t i = 0; i < sizes.size(); ++i) {
    paths.push_back(folder.write(std::to_string(i), ""));
    std::filesystem::resize_file(paths.back(), sizes[i]);  // holes
  }
  const auto place = [&](uint64_t file, uint64_t offset) {
    for (uint64_t i = 0; i < file; ++i) offset += sizes[i];
    return offset;
  };
  const uint64_t end = place(sizes.size(), 0);

  Blocks blocks(paths, 256 << 10, /*repeats=*/false, /*tolerant=*/false);
  Block block;
  REQUIRE(blocks.claim(block));
  CHECK_FALSE(block.ahead);
  blocks.read_ahead();
  uint64_t asked = 0;  // [.., asked), from where the first one begins
  while (blocks.claim(block)) {
    const uint64_t here = place(block.file, block.end);
    if (block.ahead) {
      const uint64_t begin = place(block.ahead->file, block.ahead->begin);
      CHECK(begin == (asked == 0 ? here : asked));
      CHECK(block.ahead->begin + block.ahead->size <= sizes[block.ahead->file]);
      asked = begin + block.ahead->size;
    }
    CHECK(asked <= here + 68 * kMiB);
    if (here > 8 * kMiB) CHECK(asked >= std::min(end, here + 16 * kMiB));
  }
  CHECK(asked == end);
}
