// Lookahead and ReadAhead: what is asked for ahead of its reading, and that it comes.
#include "lookahead.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "files.h"
#include "read_ahead.h"
#include "source.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

constexpr uint64_t kMiB = 1 << 20;

struct Range {
  uint64_t begin, end;  // in the files one behind another
};

// Files with these sizes, and what has been asked for of them.
struct Reader {
  explicit Reader(std::vector<uint64_t> of)
      : sizes(std::move(of)), lookahead(sizes, [this](uint64_t file, uint64_t at, uint64_t n) {
          CHECK(n != 0);
          CHECK(at + n <= sizes[file]);
          CHECK(at / ReadAhead::kStep == (at + n - 1) / ReadAhead::kStep);
          asked.push_back({place(file, at), place(file, at + n)});
          return asked.size();
        }) {}

  uint64_t place(uint64_t file, uint64_t offset) const {
    for (uint64_t i = 0; i < file; ++i) offset += sizes[i];
    return offset;
  }
  uint64_t end() const { return place(sizes.size(), 0); }

  // Reads by blocks of so many bytes from here to the end.
  void read(uint64_t block, uint64_t file = 0, uint64_t begin = 0) {
    for (; file < sizes.size(); ++file, begin = 0) {
      for (; begin < sizes[file]; begin += block) {
        const uint64_t behind = std::min(begin + block, sizes[file]);
        const uint64_t request = lookahead.reach(file, begin, behind, kFar);
        see(place(file, begin), place(file, behind), request);
      }
    }
  }

  void see(uint64_t here, uint64_t there, uint64_t request) {
    REQUIRE(request <= asked.size());
    if (request != 0) CHECK(asked[request - 1].end >= there);
    const uint64_t front = asked.empty() ? 0 : asked.back().end;
    CHECK(front >= there);
    CHECK(front <= there + kFar + ReadAhead::kStep);
    begun = std::min(begun, here);
    if (there - begun > 16 * kMiB) CHECK(front >= std::min(end(), there + 16 * kMiB));
  }

  static constexpr uint64_t kFar = 64 * kMiB;
  const std::vector<uint64_t> sizes;
  std::vector<Range> asked;
  Lookahead lookahead;
  uint64_t begun = UINT64_MAX;
};

std::string noise(size_t n) {
  std::string bytes(n, '\0');
  uint32_t x = 1;
  for (char& byte : bytes) byte = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

// Out of the system's memory, if it lets go of it.
void drop(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  REQUIRE(file >= 0);
  fsync(file);
#ifdef POSIX_FADV_DONTNEED
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
#endif
  close(file);
}

bool in_memory(const std::string& path, uint64_t begin, uint64_t end) {
  const auto source = open_local(path);
  for (uint64_t at = begin; at < end; at += 4096) {
    if (!source->in_memory(at)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("each byte is asked for once, across files, far enough and not too far") {
  for (const uint64_t block : {256 << 10, 1 << 20, 7 << 20, 100 << 20}) {
    CAPTURE(block);
    Reader reader({90 * kMiB + 5, 0, 1, 3 * kMiB, 70 * kMiB, 0, 100, 40 * kMiB, 0});
    reader.read(block);
    uint64_t at = 0;
    for (const Range& range : reader.asked) {
      CHECK(range.begin == at);
      at = range.end;
    }
    CHECK(at == reader.end());
  }
}

TEST_CASE("a reader that begins elsewhere, or goes there, is not asked for what it has passed") {
  Reader reader({10 * kMiB, 200 * kMiB, 10 * kMiB});
  reader.read(kMiB, 1, 5 * kMiB + 77);
  REQUIRE_FALSE(reader.asked.empty());
  CHECK(reader.asked.front().begin == reader.place(1, 5 * kMiB + 77));
  CHECK(reader.asked.back().end == reader.end());

  const size_t before = reader.asked.size();
  reader.lookahead.clear();
  CHECK(reader.lookahead.reach(0, 0, 10, 0) == before + 1);
  CHECK(reader.asked[before].begin == 0);
  // Over a record that reaches far behind what has been asked for.
  CHECK(reader.lookahead.reach(1, 150 * kMiB, 151 * kMiB, 0) != 0);
  CHECK(reader.asked[before + 1].begin == reader.place(1, 150 * kMiB));
}

TEST_CASE("what is asked for is brought, by mapping or by reading") {
  Folder folder;
  const std::string bytes = noise(9 * kMiB + 12345);
  for (const bool maps : {true, false}) {
    CAPTURE(maps);
    const std::string path = folder.write("file", bytes);
    drop(path);
    if (in_memory(path, 0, bytes.size())) MESSAGE("the system keeps what it is to let go of");
    ReadAhead ahead(maps);
    uint64_t last = 0;
    for (uint64_t at = 0; at < bytes.size(); at += ReadAhead::kStep) {
      const uint64_t number = ahead.ask(path, at, std::min(ReadAhead::kStep, bytes.size() - at));
      CHECK(number == last + 1);
      last = number;
    }
    ahead.wait(1);
    ahead.wait(last);
    CHECK(in_memory(path, 0, bytes.size()));
  }
}

TEST_CASE("what cannot be brought, and what comes too late, holds nobody up") {
  Folder folder;
  const std::string path = folder.write("file", noise(kMiB));
  ReadAhead ahead(true);
  ahead.wait(0);
  ahead.wait(ahead.ask(folder.path("is not there"), 0, kMiB));
  ahead.wait(ahead.ask(path, 3 * kMiB, kMiB));  // behind the end
  ahead.wait(ahead.ask(path, 12345, 100 * kMiB));
  std::vector<std::thread> waiting;
  for (int i = 0; i < 200; ++i) {
    const uint64_t number = ahead.ask(path, 0, kMiB);
    if (i % 50 == 0) waiting.emplace_back([&ahead, number] { ahead.wait(number + 100); });
  }
  ahead.stop();
  ahead.wait(ahead.ask(path, 0, kMiB));
  for (std::thread& thread : waiting) thread.join();
  ahead.join();
  ahead.join();
}
