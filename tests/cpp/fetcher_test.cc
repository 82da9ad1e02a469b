// Stories of records had from mapped files: they are what reading them gives, and a file that is
// cut or damaged meanwhile is an error, not a signal.
#include "fetcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "files.h"
#include "index_build.h"
#include "landing.h"
#include "mapping.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

constexpr uint64_t kRecords = 600;
constexpr uint64_t kEverything = UINT64_MAX;

std::string record(uint64_t number) {
  std::string bytes(number % 50 == 9 ? 40'000 : 300 + number * 7 % 2000, '.');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + number);
  return bytes;
}

struct Files {
  Folder folder;
  std::vector<std::string> paths;
  std::shared_ptr<const Index> index;

  Files() {
    for (uint64_t file = 0; file < 3; ++file) {
      Records records;
      for (uint64_t i = 0; i < kRecords / 3; ++i)
        records.push_back(record(file * kRecords / 3 + i));
      paths.push_back(folder.write(std::to_string(file), records));
    }
    index = build_index({paths, OnCorruption::kRaise, 1}, [] { return true; });
  }
};

// In no order, some of them twice.
std::vector<uint64_t> some(uint64_t salt) {
  std::vector<uint64_t> ordinals;
  for (uint64_t i = 0; i < 150; ++i) ordinals.push_back((i * 7919 + salt * 131) % kRecords);
  ordinals.push_back(ordinals.front());
  return ordinals;
}

std::string text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }

void require_records(const std::vector<uint64_t>& ordinals, const Fetched& fetched) {
  REQUIRE(fetched.failures.empty());
  REQUIRE(fetched.records.size() == ordinals.size());
  for (size_t i = 0; i < ordinals.size(); ++i) {
    REQUIRE(text(fetched.records[i]) == record(ordinals[i]));
  }
}

bool can_gather() {  // on this system
#ifdef __linux__
  return true;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("gathered records are those that would be read") {
  const Files files;
  Fetcher fetcher(files.paths, files.index, /*verify=*/true, kEverything);
  CHECK(fetcher.gathers());
  Fetched fetched;
  for (uint64_t salt = 0; salt < 20; ++salt) {
    fetcher.gather(some(salt), fetched);
    require_records(some(salt), fetched);
  }
  CHECK(fetcher.gathers() == can_gather());
}

TEST_CASE("files are mapped only if all of them may be, and records are small but not tiny") {
  const Files files;
  uint64_t bytes = 0;
  for (const IndexedFile& file : files.index->files()) bytes += file.size;
  CHECK(Fetcher(files.paths, files.index, true, bytes).gathers());
  CHECK_FALSE(Fetcher(files.paths, files.index, true, bytes - 1).gathers());
  CHECK_FALSE(Fetcher(files.paths, files.index, true).gathers());
  Fetcher unmapped(files.paths, files.index, true);
  Fetched fetched;
  unmapped.gather(some(1), fetched);
  require_records(some(1), fetched);

  for (const size_t size : {200, 20'000}) {
    const std::vector<std::string> paths = {
        files.folder.write("other", Records(10, std::string(size, 'x')))};
    const auto index = build_index({paths, OnCorruption::kRaise, 1}, [] { return true; });
    CHECK_FALSE(Fetcher(paths, index, true, kEverything).gathers());
  }
}

TEST_CASE("what a mapped file has lost, or has otherwise than it was, fails as if it were read") {
  const Files files;
  const uint64_t victim = kRecords / 3 + 120;
  const Index::Place place = files.index->find(victim);
  const std::string& path = files.paths[place.file];
  std::vector<uint64_t> ordinals(kRecords);
  for (uint64_t i = 0; i < kRecords; ++i) ordinals[i] = (i * 7 + 3) % kRecords;
  Fetcher fetcher(files.paths, files.index, /*verify=*/true, kEverything);
  Fetched gathered, read;
  fetcher.gather(ordinals, gathered);
  require_records(ordinals, gathered);

  const auto check_same_failures = [&](size_t expected) {
    fetcher.gather(ordinals, gathered);
    Fetcher(files.paths, files.index, true).fetch(ordinals, read);
    CHECK(gathered.failures.size() == expected);
    REQUIRE(gathered.failures.size() == read.failures.size());
    for (size_t i = 0; i < read.failures.size(); ++i) {
      CHECK(gathered.failures[i].record == read.failures[i].record);
      CHECK(std::string(gathered.failures[i].error.what()) == read.failures[i].error.what());
    }
  };
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place.offset + 200));
    file.put('!');
  }
  check_same_failures(1);
  CHECK(fetcher.gathers() == can_gather());
  SUBCASE("cut within a page that keeps its beginning") {
    std::filesystem::resize_file(path, place.offset + 100);
    check_same_failures(80);
  }
  SUBCASE("cut to nothing, and written again") {
    std::string bytes;
    for (uint64_t i = 0; i < kRecords / 3; ++i) bytes += framed(record(kRecords / 3 + i));
    std::filesystem::resize_file(path, 0);
    check_same_failures(kRecords / 3);
    CHECK_FALSE(fetcher.gathers());
    std::ofstream(path, std::ios::binary) << bytes;
    fetcher.gather(ordinals, gathered);
    require_records(ordinals, gathered);
    CHECK_FALSE(fetcher.gathers());
    fetcher.try_again();
    CHECK(fetcher.gathers());
    fetcher.gather(ordinals, gathered);
    require_records(ordinals, gathered);
    CHECK(fetcher.gathers() == can_gather());
  }
}

TEST_CASE("a mapping knows what has been read, and a landing has it copied") {
  if (!can_gather()) return;
  const Folder folder;
  std::string bytes(1'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i >> 7);
  const std::string path = folder.write("bytes", bytes);
  const auto mapping = Mapping::of(path);
  REQUIRE(mapping);
  CHECK(mapping->size() == bytes.size());
  CHECK_FALSE(mapping->knows(500'000, 100));
  REQUIRE(mapping->learn(500'000, 100));
  CHECK(mapping->knows(500'000, 100));
  CHECK_FALSE(mapping->knows(500'000, 400'000));
  CHECK_FALSE(mapping->knows(0, 1));
  REQUIRE(mapping->learn(bytes.size() - 10, 10));
  CHECK(mapping->knows(bytes.size() - 10, 10));
  CHECK_FALSE(mapping->knows(bytes.size() - 10, 11));
  CHECK_FALSE(mapping->knows(bytes.size() - 10, UINT64_MAX));
  CHECK_FALSE(mapping->knows(bytes.size() + 10, 1));

  Landing landing;
  REQUIRE(landing.reserve(300'000));
  std::vector<ByteView> pieces;
  std::string expected;
  for (size_t i = 0; i < 200; ++i) {  // known or not
    const size_t at = i * 4'441, size = i * 37 % 2000;
    pieces.push_back({mapping->at(at), size});
    expected += bytes.substr(at, size);
  }
  REQUIRE(landing.gather(pieces, 77));
  CHECK(text({landing.data() + 77, expected.size()}) == expected);
  CHECK(landing.gather({}, 0));
  std::filesystem::resize_file(path, 200'000);
  CHECK_FALSE(landing.gather(pieces, 77));
  CHECK(landing.gather(std::span(pieces).first(40), 77));

  CHECK_FALSE(Mapping::of(folder.path("none")));
  CHECK_FALSE(Mapping::of(folder.path(".")));
  CHECK_FALSE(Mapping::of(folder.write("empty", std::string())));
}
