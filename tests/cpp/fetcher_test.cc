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
  CHECK(fetcher.maps());
  Fetched fetched;
  for (uint64_t salt = 0; salt < 20; ++salt) {
    fetcher.gather(some(salt), fetched);
    require_records(some(salt), fetched);
  }
  CHECK(fetcher.maps() == can_gather());
}

TEST_CASE("files are mapped only if all of them may be, and records are small but not tiny") {
  const Files files;
  uint64_t bytes = 0;
  for (const IndexedFile& file : files.index->files()) bytes += file.size;
  CHECK(Fetcher(files.paths, files.index, true, bytes).maps());
  CHECK_FALSE(Fetcher(files.paths, files.index, true, bytes - 1).maps());
  CHECK_FALSE(Fetcher(files.paths, files.index, true).maps());
  Fetcher unmapped(files.paths, files.index, true);
  Fetched fetched;
  unmapped.gather(some(1), fetched);
  require_records(some(1), fetched);

  for (const size_t size : {200, 20'000}) {
    const std::vector<std::string> paths = {
        files.folder.write("other", Records(10, std::string(size, 'x')))};
    const auto index = build_index({paths, OnCorruption::kRaise, 1}, [] { return true; });
    CHECK_FALSE(Fetcher(paths, index, true, kEverything).maps());
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
  CHECK(fetcher.maps() == can_gather());
  SUBCASE("cut within a page that keeps its beginning") {
    std::filesystem::resize_file(path, place.offset + 100);
    check_same_failures(80);
  }
  SUBCASE("cut to nothing, and written again") {
    std::string bytes;
    for (uint64_t i = 0; i < kRecords / 3; ++i) bytes += framed(record(kRecords / 3 + i));
    std::filesystem::resize_file(path, 0);
    check_same_failures(kRecords / 3);
    CHECK_FALSE(fetcher.maps());
    std::ofstream(path, std::ios::binary) << bytes;
    fetcher.gather(ordinals, gathered);
    require_records(ordinals, gathered);
    CHECK_FALSE(fetcher.maps());
    fetcher.try_again();
    CHECK(fetcher.maps());
    fetcher.gather(ordinals, gathered);
    require_records(ordinals, gathered);
    CHECK(fetcher.maps() == can_gather());
  }
}

namespace {

struct LargeFiles {
  static constexpr size_t kSize = 100'000;
  Folder folder;
  Records records;
  std::vector<std::string> paths;
  std::shared_ptr<const Index> index;

  LargeFiles() {
    for (size_t i = 0; i < 20; ++i) {
      std::string record(i % 7 == 3 ? 100 * i : kSize + i, static_cast<char>('a' + i));
      record.replace(0, std::min<size_t>(record.size(), 2), "<>");
      records.push_back(record);
    }
    for (size_t i = 0; i < 20; i += 10) {
      const auto begin = records.begin() + static_cast<ptrdiff_t>(i);
      paths.push_back(folder.write(std::to_string(i), Records(begin, begin + 10)));
    }
    index = build_index({paths, OnCorruption::kRaise, 1}, [] { return true; });
  }
};

// All of a record but its ends, had by its outline. Its ends are looked at.
void require_outlined(const Fetched& fetched, std::span<const uint64_t> ordinals,
                      const LargeFiles& files, Outline& outline) {
  Stopwatch watch;
  Lap lap(watch);
  outline.open(fetched.origins, fetched.records, lap);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    const std::string& expected = files.records[ordinals[i]];
    const ByteView& record = fetched.records[i];
    REQUIRE(record.size == expected.size());
    const size_t end = std::min<size_t>(expected.size(), kEndSize);
    REQUIRE(std::equal(record.data, record.data + end, expected.begin()));
    REQUIRE(std::equal(record.data + record.size - end, record.data + record.size,
                       expected.end() - static_cast<ptrdiff_t>(end)));
    if (record.size < 2) continue;
    std::string value(record.size - 2, '\0');
    outline.bring(i, record.data + 1, value.size(), reinterpret_cast<uint8_t*>(value.data()), true);
    if (outline.unsound() == Outline::kNone) REQUIRE(value == expected.substr(1, value.size()));
  }
}

}  // namespace

TEST_CASE("of large records in memory the ends are had, and the rest by their outline") {
  const LargeFiles files;
  Fetcher fetcher(files.paths, files.index, /*verify=*/true, kEverything);
  CHECK(fetcher.maps() == can_copy_mapped());
  CHECK_FALSE(Fetcher(files.paths, files.index, true).maps());
  if (!can_copy_mapped()) return;
  Fetched fetched;
  Outline outline(/*verify=*/true, /*may_map=*/true);
  for (uint64_t k = 0; k < 20; ++k) {
    const std::vector<uint64_t> ordinals = {k, (k * 7 + 5) % 20, 19 - k, k};
    REQUIRE(fetcher.outline(ordinals, fetched));
    require_outlined(fetched, ordinals, files, outline);
    CHECK(outline.unsound() == Outline::kNone);
  }

  SUBCASE("other data than was written is found by its checksum") {
    const Index::Place place = files.index->find(15);
    std::fstream file(files.paths[place.file], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place.offset + 50'000));
    file.put('!');
    file.close();
    const std::vector<uint64_t> ordinals = {2, 15, 4};
    REQUIRE(fetcher.outline(ordinals, fetched));
    require_outlined(fetched, ordinals, files, outline);
    CHECK(outline.unsound() == 1);
  }
  SUBCASE("another header is none of it") {
    const Index::Place place = files.index->find(15);
    std::fstream file(files.paths[place.file], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place.offset));
    file.put('!');
    file.close();
    CHECK_FALSE(fetcher.outline(std::vector<uint64_t>{2, 15}, fetched));
  }
  SUBCASE("nor is what was cut") {
    const Index::Place place = files.index->find(15);
    std::filesystem::resize_file(files.paths[place.file], place.offset + 50'000);
    CHECK_FALSE(fetcher.outline(std::vector<uint64_t>{2, 15}, fetched));
    CHECK_FALSE(fetcher.outline(std::vector<uint64_t>{11}, fetched));
    CHECK(fetcher.outline(std::vector<uint64_t>{2}, fetched));
  }
  SUBCASE("not even if zeros are shown in its place, and nothing is verified") {
    Fetcher trusting(files.paths, files.index, /*verify=*/false, kEverything);
    const std::vector<uint64_t> ordinals = {19};  // the last of its file
    REQUIRE(trusting.outline(ordinals, fetched));
    const Index::Place place = files.index->find(19);
    std::filesystem::resize_file(files.paths[1], place.offset + kHeaderSize + LargeFiles::kSize);
    CHECK_FALSE(trusting.outline(ordinals, fetched));
  }
  SUBCASE("or is cut between the ends and the rest") {
    const std::vector<uint64_t> ordinals = {15, 16};
    REQUIRE(fetcher.outline(ordinals, fetched));
    std::filesystem::resize_file(files.paths[1], files.index->find(15).offset + 50'000);
    require_outlined(fetched, ordinals, files, outline);
    CHECK(outline.unsound() == 0);
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
