// Indexes against plain lists of what they should find, in memory and as files.
#include "index.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "extents.h"
#include "index_build.h"
#include "index_file.h"
#include "kernels/kernels.h"
#include "writer.h"

using namespace headrace;

namespace {

namespace fs = std::filesystem;

bool same(const Extent& a, const Extent& b) { return a.offset == b.offset && a.size == b.size; }

Extents packed(const std::vector<Extent>& list) {
  ExtentsBuilder builder;
  for (const Extent& extent : list) builder.add(extent);
  REQUIRE(builder.count() == list.size());
  return std::move(builder).finish();
}

// Records one after another, with a gap before each of these.
std::vector<Extent> laid_out(const std::vector<uint64_t>& sizes, const std::vector<size_t>& gaps) {
  std::vector<Extent> list;
  uint64_t at = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (std::count(gaps.begin(), gaps.end(), i) != 0) at += 7;
    list.push_back({at, sizes[i]});
    at += 16 + sizes[i];
  }
  return list;
}

void check_same(const Extents& extents, const std::vector<Extent>& list) {
  REQUIRE(extents.count() == list.size());
  for (size_t i = 0; i < list.size(); ++i) REQUIRE(same(extents[i], list[i]));
}

std::vector<uint64_t> random_sizes(size_t n, uint64_t least, uint64_t span) {
  std::mt19937_64 random(n + span);
  std::vector<uint64_t> sizes(n);
  for (uint64_t& size : sizes) size = least + random() % span;
  return sizes;
}

// A folder for the length of a test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "headrace-index-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  size_t count() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {}));
  }

 private:
  fs::path path_;
};

using Bytes = std::vector<uint8_t>;

void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

// Writes records of these sizes; where they stand.
std::vector<Extent> write_records(const std::string& path, const std::vector<uint64_t>& sizes) {
  Bytes bytes, data;
  std::vector<Extent> list;
  for (const uint64_t size : sizes) {
    list.push_back({bytes.size(), size});
    data.assign(size, static_cast<uint8_t>(list.size()));
    bytes.resize(bytes.size() + size + kFrameSize);
    write_record({data.data(), data.size()}, bytes.data() + bytes.size() - size - kFrameSize);
  }
  write_file(path, bytes);
  return list;
}

bool always() { return true; }

std::shared_ptr<const Index> build(const std::vector<std::string>& files, int threads = 2,
                                   OnCorruption policy = OnCorruption::kRaise) {
  return build_index({files, policy, threads}, always);
}

void check_places(const Index& index, const std::vector<std::vector<Extent>>& files) {
  REQUIRE(index.files().size() == files.size());
  uint64_t ordinal = 0;
  for (size_t file = 0; file < files.size(); ++file) {
    REQUIRE(index.count(file) == files[file].size());
    REQUIRE(index.start(file) == ordinal);
    for (const Extent& extent : files[file]) {
      const Index::Place place = index.find(ordinal++);
      REQUIRE(place.file == file);
      REQUIRE(same({place.offset, place.size}, extent));
    }
  }
  REQUIRE(index.count() == ordinal);
}

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  return Error(Fault::kSystem, "", "");
}

// One that needs every part: empty files, gaps, numbers of every width.
Index sample() {
  std::vector<Extents> extents;
  extents.push_back(packed(laid_out(random_sizes(300, 5, 200), {10, 11, 150})));
  extents.push_back(packed({}));
  extents.push_back(packed(laid_out(std::vector<uint64_t>(1000, 90), {})));
  extents.push_back(packed(laid_out(random_sizes(100, 5, uint64_t{1} << 36), {})));
  std::vector<IndexedFile> files = {{"/a", 1, -5}, {"/b", 0, 0}, {"/c", 3, 1}, {"/d\xff", 4, 2}};
  return Index(std::move(files), std::move(extents), OnCorruption::kSkip, {1, 2, 3});
}

}  // namespace

TEST_CASE("extents: every width, with and without gaps") {
  for (const uint64_t span :
       {1ull, 2ull, 256ull, 257ull, 1ull << 16, 1ull << 20, 1ull << 32, 1ull << 39}) {
    for (const size_t n : {0, 1, 63, 64, 65, 128, 1000}) {
      const auto sizes = random_sizes(n, 3, span);
      for (const std::vector<size_t>& gaps :
           {std::vector<size_t>{}, {0}, {1}, {64}, {65, 66, 67}, {5, 200, 201, 900}}) {
        const auto list = laid_out(sizes, gaps);
        CAPTURE(span);
        CAPTURE(n);
        check_same(packed(list), list);
      }
    }
  }
}

TEST_CASE("extents: what they cost") {
  const auto bytes_a_record = [](uint64_t span) {
    return static_cast<double>(packed(laid_out(random_sizes(64000, 90, span), {})).memory()) /
           64000;
  };
  CHECK(bytes_a_record(1) < 0.001);
  CHECK(bytes_a_record(200) < 1.5);
  CHECK(bytes_a_record(60000) < 2.5);
}

TEST_CASE("extents: parts that would lead a look-up astray are refused") {
  const auto list = laid_out(random_sizes(300, 5, 200), {100});
  const Extents::Parts good = packed(list).parts();
  check_same(Extents(good), list);
  const auto refused = [&](const std::function<void(Extents::Parts&)>& change) {
    Extents::Parts parts = good;
    change(parts);
    CHECK_THROWS_AS(Extents(std::move(parts)), std::invalid_argument);
  };
  refused([](auto& parts) { ++parts.count; });  // more than numbers
  refused([](auto& parts) { parts.count = 0; });
  refused([](auto& parts) { parts.bits = 64; });
  refused([](auto& parts) { parts.bits = 7; });
  refused([](auto& parts) { parts.groups.pop_back(); });
  refused([](auto& parts) { parts.groups.clear(); });
  refused([](auto& parts) { parts.more.pop_back(); });
  refused([](auto& parts) { parts.firsts.clear(); });
  refused([](auto& parts) { parts.firsts[0] = 1; });
  refused([](auto& parts) { parts.firsts[1] = parts.firsts[2]; });
  refused([](auto& parts) { parts.firsts[1] = 65; });
  refused([](auto& parts) { parts.groups[2].numbers += 2; });  // no such width
  refused([](auto& parts) { parts.groups.back().numbers += 256; });
  refused([](auto& parts) { parts.groups[0].numbers = ~uint64_t{0} << 8 | 1; });
}

TEST_CASE("an index finds every record, whatever the threads") {
  const Folder folder;
  const std::vector<std::vector<uint64_t>> sizes = {
      {},
      {0},
      random_sizes(3000, 0, 300),
      {},
      {},
      random_sizes(40, 60000, 400000),                         // headers only
      {10, 3 << 20, 20, 5 << 20, 5, 1 << 20, 0, 0, 0, 70000},  // longer than blocks
      random_sizes(100000, 10, 40),                            // several blocks
      {1},
      {},
  };
  std::vector<std::string> files;
  std::vector<std::vector<Extent>> expected;
  for (size_t i = 0; i < sizes.size(); ++i) {
    files.push_back(folder.file(std::to_string(i)));
    expected.push_back(write_records(files.back(), sizes[i]));
  }
  // Far records first, then near ones, and back.
  std::vector<uint64_t> changing(30, 300000);
  changing.resize(200000, 30);
  changing.resize(200030, 4 << 20);
  files.push_back(folder.file("changing"));
  expected.push_back(
      write_records(files.back(), std::vector<uint64_t>(changing.begin(), changing.end() - 25)));
  for (const OnCorruption policy :
       {OnCorruption::kRaise, OnCorruption::kTf, OnCorruption::kSkip, OnCorruption::kStopFile}) {
    for (const int threads : {1, 2, 7}) {
      const auto index = build(files, threads, policy);
      check_places(*index, expected);
      CHECK(index->policy() == policy);
      CHECK(index->damage().places == 0);
      CHECK(index->difference(files).empty());
    }
  }
}

TEST_CASE("of several errors the first is thrown, whatever the threads") {
  const Folder folder;
  std::vector<std::string> files;
  for (int i = 0; i < 12; ++i) {
    files.push_back(folder.file(std::to_string(i)));
    const auto records = write_records(files.back(), random_sizes(50000, 60, 10));
    if (i < 4) continue;
    Bytes bytes = read_file(files.back());
    bytes[records[i == 4 ? 40000 : 0].offset] ^= 1;  // late in the first of them, then at once
    write_file(files.back(), bytes);
  }
  const Error expected = error_of([&] { build({files[4]}, 1); });
  CHECK(expected.path == files[4]);
  CHECK(expected.record == 40000);
  for (int round = 0; round < 10; ++round) {
    const Error error = error_of([&] { build(files, 1 + round % 4); });
    CHECK(error.what() == std::string(expected.what()));
    CHECK(error.record == expected.record);
    CHECK(error.fault == Fault::kCorrupted);
  }
}

TEST_CASE("a file that cannot be read, and one that changes") {
  const Folder folder;
  const auto a = folder.file("a");
  write_records(a, {1, 2, 3});
  CHECK(error_of([&] { build({a, folder.file("missing")}); }).fault == Fault::kSystem);
  const auto index = build({a});
  CHECK(index->difference({a}).empty());
  CHECK(index->difference({a, a}).find("1 files, not of 2") != std::string::npos);
  CHECK(index->difference({folder.file("b")}).find("is now") != std::string::npos);
  fs::last_write_time(a, fs::last_write_time(a) + std::chrono::seconds(1));
  CHECK(index->difference({a}).find("modified") != std::string::npos);
  write_records(a, {1, 2, 3, 4});
  CHECK(index->difference({a}).find("54 bytes and has now 74") != std::string::npos);
  fs::remove(a);
  CHECK(error_of([&] { index->difference({a}); }).fault == Fault::kSystem);
}

TEST_CASE("building stops when told to") {
  const Folder folder;
  const auto a = folder.file("a");
  {
    std::ofstream out(a, std::ios::binary);  // one far record after the other, in holes
    for (int i = 0; i < 60000; ++i) {
      Bytes header(kFrameSize);
      write_record({header.data(), 0}, header.data());
      const uint64_t length = uint64_t{1} << 20;
      std::memcpy(header.data(), &length, 8);
      const uint32_t crc = mask_crc(kernels().crc32c(0, header.data(), 8));
      std::memcpy(header.data() + 8, &crc, 4);
      out.write(reinterpret_cast<const char*>(header.data()), 12);
      out.seekp(static_cast<std::streamoff>((length + 16) * (static_cast<uint64_t>(i) + 1)) - 1);
      out.put('\0');
      out.seekp(static_cast<std::streamoff>((length + 16) * (static_cast<uint64_t>(i) + 1)));
    }
  }
  const std::vector<std::string> files(40, a);
  CHECK(build_index({files, OnCorruption::kRaise, 2}, [] { return false; }) == nullptr);
  CHECK_THROWS_AS(build_index({files, OnCorruption::kRaise, 2}, []() -> bool { throw 7; }), int);
  CHECK(build({a})->count() == 60000);
}

TEST_CASE("a file gives the index back") {
  const Folder folder;
  const auto path = folder.file("index");
  const Index index = sample();
  write_index(index, path);
  const auto again = read_index(path);
  REQUIRE(again->count() == index.count());
  for (uint64_t i = 0; i < index.count(); ++i) {
    const auto a = index.find(i), b = again->find(i);
    REQUIRE(a.file == b.file);
    REQUIRE(same({a.offset, a.size}, {b.offset, b.size}));
  }
  for (size_t i = 0; i < 4; ++i) {
    CHECK(again->files()[i].path == index.files()[i].path);
    CHECK(again->files()[i].size == index.files()[i].size);
    CHECK(again->files()[i].mtime_ns == index.files()[i].mtime_ns);
  }
  CHECK(again->policy() == OnCorruption::kSkip);
  CHECK(again->damage().places == 1);
  CHECK(again->damage().bytes == 2);
  CHECK(again->damage().files == 3);
  CHECK(folder.count() == 1);  // nothing is left beside it
}

TEST_CASE("a damaged file is never an index") {
  const Folder folder;
  const auto path = folder.file("index");
  write_index(sample(), path);
  const Bytes good = read_file(path);
  for (size_t size = 0; size < good.size(); size += size < 100 ? 1 : 37) {
    write_file(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    REQUIRE(error_of([&] { read_index(path); }).fault == Fault::kTruncated);
  }
  for (size_t at = 0; at < good.size(); at += at < 100 ? 1 : 37) {
    Bytes bytes = good;
    bytes[at] ^= 0x10;
    write_file(path, bytes);
    const Error error = error_of([&] { read_index(path); });
    REQUIRE((error.fault == Fault::kCorrupted || error.fault == Fault::kTruncated));
    REQUIRE(error.path == path);
  }
  Bytes longer = good;
  longer.push_back(0);
  write_file(path, longer);
  CHECK(error_of([&] { read_index(path); }).fault == Fault::kCorrupted);
}

TEST_CASE("a forged file with a right checksum reads no memory that is not its own") {
  const Folder folder;
  const auto path = folder.file("index");
  write_index(sample(), path);
  const Bytes good = read_file(path);
  std::mt19937_64 random(3);
  size_t refused = 0;
  for (int round = 0; round < 1000; ++round) {
    Bytes bytes = good;
    const size_t at = 24 + random() % (bytes.size() - 28);  // behind magic, version and size
    bytes[at] = static_cast<uint8_t>(random());
    const uint32_t crc = kernels().crc32c(0, bytes.data(), bytes.size() - 4);
    std::memcpy(bytes.data() + bytes.size() - 4, &crc, 4);
    write_file(path, bytes);
    try {
      const auto index = read_index(path);
      for (uint64_t i = 0; i < index->count(); i += 1 + index->count() / 500) index->find(i);
    } catch (const Error& error) {
      CHECK(error.fault == Fault::kCorrupted);
      ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("many may write one file while others read it") {
  const Folder folder;
  const auto path = folder.file("index");
  const Index index = sample();
  write_index(index, path);
  std::atomic<bool> stopped = false;
  std::atomic<int> failures = 0, reads = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) write_index(index, path);
    });
  }
  std::thread reader([&] {
    do {
      try {
        failures += read_index(path)->count() != index.count();
        ++reads;
      } catch (...) {
        ++failures;
      }
    } while (!stopped);
  });
  for (std::thread& thread : threads) thread.join();
  stopped = true;
  reader.join();
  CHECK(failures == 0);
  CHECK(reads > 0);
  CHECK(folder.count() == 1);
}

TEST_CASE("a place that cannot be written") {
  const Folder folder;
  const Error error = error_of([&] { write_index(sample(), folder.file("no/such/folder")); });
  CHECK(error.fault == Fault::kSystem);
  CHECK(error.code == ENOENT);
  fs::create_directory(folder.file("taken"));
  CHECK(error_of([&] { write_index(sample(), folder.file("taken")); }).fault == Fault::kSystem);
  CHECK(folder.count() == 1);
}
