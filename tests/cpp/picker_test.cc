// Stories of records chosen through an index: small ones of a whole shuffle, which are read many
// batches at a time, give what reading one by one would, wherever the stream is cut.
#include "picker.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "files.h"
#include "index_build.h"
#include "loader.h"
#include "numbered.h"

using namespace headrace;
using namespace headrace::testing;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kRecords = 12'000;
constexpr size_t kBatch = 16;
constexpr size_t kMore = 1000;

// Of every size, so that gaps are read over and jumped over. Those with a kilobyte more are had
// from mapped files.
std::string record(uint64_t number, size_t more = 0) {
  std::string bytes = std::to_string(number);
  bytes.resize((number % 1000 == 7 ? 20'000 : 8 + number % 60) + more, '.');
  return bytes;
}

struct Files {
  Folder folder;
  std::vector<std::string> paths;
  std::shared_ptr<const Index> index;

  explicit Files(size_t more = 0) {
    uint64_t next = 0;
    for (const uint64_t n : {uint64_t{5000}, uint64_t{0}, uint64_t{1}, kRecords - 5001}) {
      Records records;
      for (uint64_t i = 0; i < n; ++i) records.push_back(record(next++, more));
      paths.push_back(folder.write(std::to_string(paths.size()), records));
    }
    index = build_index({paths, OnCorruption::kRaise, 1}, [] { return true; });
  }

  LoaderJob job(std::vector<Verb> verbs, int threads = 2, uint64_t memory = 0) const {
    LoaderJob job;
    job.files = paths;
    job.index = index;
    job.verbs = std::move(verbs);
    job.batch_size = kBatch;
    job.options.threads = threads;
    job.options.memory = memory;
    return job;
  }
};

const Files& files(size_t more) {
  static const Files small, large(kMore);
  return more == 0 ? small : large;
}

Verb whole_shuffle(uint64_t seed) {
  Verb verb{Verb::kShuffleAll};
  verb.seeds.lo = seed;
  return verb;
}

struct Reading {
  std::vector<std::string> rows;
  std::vector<Position> ends;
  std::vector<Error> errors;
};

Reading read(LoaderJob job, const Position* from = nullptr) {
  Loader loader(std::move(job));
  if (from != nullptr) loader.start_at(*from);
  Reading reading;
  try {
    for (;;) {
      const Loader::Delivery delivery = loader.next(60s);
      if (delivery.outcome == Outbox::Outcome::kEnd) return reading;
      REQUIRE(delivery.outcome == Outbox::Outcome::kBatch);
      for (size_t i = 0; i < delivery.batch->rows(); ++i) {
        reading.rows.push_back(values_at<std::string>(*delivery.batch, 0, i)[0]);
      }
      reading.ends.push_back(loader.position());
    }
  } catch (const Error& error) {
    reading.errors.push_back(error);
  }
  return reading;
}

std::vector<std::string> expected(uint64_t n, uint64_t start, uint64_t step, uint64_t seed,
                                  uint64_t epochs, size_t more = 0) {
  std::vector<std::string> rows;
  for (uint64_t epoch = 0; epoch < epochs; ++epoch) {
    const Permutation permutation(n, seed, epoch);
    for (uint64_t k = 0; k < n; ++k) rows.push_back(record(start + permutation(k) * step, more));
  }
  return rows;
}

constexpr struct {
  int threads;
  uint64_t memory;  // 0: all records behind the first batches at a time; others: hundreds
} kWays[] = {{1, 0}, {2, 0}, {8, 0}, {2, 64 << 10}, {8, 100'000}, {2, 1000}};

}  // namespace

TEST_CASE("a whole shuffle is its permutation, however it is read") {
  size_t more = 0;
  SUBCASE("small records") {}
  SUBCASE("records of a kilobyte") { more = kMore; }
  for (const auto& way : kWays) {
    const int threads = way.threads;
    const uint64_t memory = way.memory;
    CAPTURE(threads);
    CAPTURE(memory);
    CHECK(read(files(more).job({whole_shuffle(3), {Verb::kRepeat, 2}}, threads, memory)).rows ==
          expected(kRecords, 0, 1, 3, 2, more));
    CHECK(read(files(more).job({{Verb::kShard, 3, 1}, {Verb::kSkip, 5}, whole_shuffle(4)}, threads,
                               memory))
              .rows == expected((kRecords - 2) / 3 + 1 - 5, 16, 3, 4, 1, more));
  }
}

TEST_CASE("verbs behind a whole shuffle choose among its records") {
  size_t more = 0;
  SUBCASE("small records") {}
  SUBCASE("records of a kilobyte") { more = kMore; }
  const auto all = expected(kRecords, 0, 1, 9, 2, more);
  std::vector<std::string> fourth;
  for (size_t epoch = 0; epoch < 2; ++epoch) {
    for (size_t i = 100; i < kRecords; ++i) {
      if ((i - 100) % 4 == 2) fourth.push_back(all[epoch * kRecords + i]);
    }
  }
  for (const auto& [threads, memory] : kWays) {
    CHECK(read(files(more).job(
                   {whole_shuffle(9), {Verb::kSkip, 100}, {Verb::kShard, 4, 2}, {Verb::kRepeat, 2}},
                   threads, memory))
              .rows == fourth);
  }
}

TEST_CASE("a whole shuffle goes on behind any of its batches") {
  size_t more = 0;
  SUBCASE("small records") {}
  SUBCASE("records of a kilobyte") { more = kMore; }
  const std::vector<Verb> verbs = {whole_shuffle(5), {Verb::kRepeat, 2}};
  const Reading whole = read(files(more).job(verbs));
  REQUIRE(whole.ends.size() == 2 * kRecords / kBatch);
  for (size_t i = 0; i < whole.ends.size(); i += 83) {
    CAPTURE(i);
    const auto& [threads, memory] = kWays[i % std::size(kWays)];
    const Reading rest = read(files(more).job(verbs, threads, memory), &whole.ends[i]);
    const auto begin = whole.rows.begin() + static_cast<ptrdiff_t>((i + 1) * kBatch);
    CHECK(rest.rows == std::vector<std::string>(begin, whole.rows.end()));
  }
}

TEST_CASE("a record that cannot be had has its row's place in a whole shuffle") {
  size_t more = 0;
  SUBCASE("small records") {}
  SUBCASE("records of a kilobyte") { more = kMore; }
  const Files damaged(more);  // its own, with an index from before the damage
  // The first of these in the shuffle's order is the one that is met; others stand beside it.
  const std::vector<uint64_t> victims = {6000, 6001, 6003, 9000, 11'000};
  std::map<std::string, std::string> bytes;
  for (const uint64_t victim : victims) {
    const Index::Place place = damaged.index->find(victim);
    std::FILE* file = std::fopen(damaged.paths[place.file].c_str(), "r+b");
    REQUIRE(file != nullptr);
    REQUIRE(std::fseek(file, static_cast<long>(place.offset + 12), SEEK_SET) == 0);
    std::fputc('#', file);
    REQUIRE(std::fclose(file) == 0);
  }
  const auto index = std::make_shared<const Index>(
      [&] {
        std::vector<IndexedFile> now = damaged.index->files();
        for (IndexedFile& file : now) file.mtime_ns = check_local(file.path).mtime_ns;
        return now;
      }(),
      damaged.index->extents(), OnCorruption::kRaise, Damage{});
  const Permutation permutation(kRecords, 8, 0);
  uint64_t first = kRecords, victim = 0;
  for (const uint64_t other : victims) {
    if (permutation.inverse(other) < first) first = permutation.inverse(victim = other);
  }
  REQUIRE(first > 9 * kBatch);  // behind those that are read one batch at a time
  const auto whole = expected(kRecords, 0, 1, 8, 1, more);
  for (const auto& way : kWays) {
    const int threads = way.threads;
    const uint64_t memory = way.memory;
    CAPTURE(threads);
    CAPTURE(memory);
    LoaderJob job = damaged.job({whole_shuffle(8)}, threads, memory);
    job.index = index;
    const Reading reading = read(std::move(job));
    REQUIRE(reading.errors.size() == 1);
    const Error& error = reading.errors.front();
    const Index::Place place = index->find(victim);
    CHECK(error.fault == Fault::kCorrupted);
    CHECK(error.path == damaged.paths[place.file]);
    CHECK(error.record == static_cast<int64_t>(victim - index->start(place.file)));
    CHECK(error.offset == static_cast<int64_t>(place.offset));
    const auto end = whole.begin() + static_cast<ptrdiff_t>(first / kBatch * kBatch);
    CHECK(reading.rows == std::vector<std::string>(whole.begin(), end));
  }
}

TEST_CASE("a file that is cut behind the index's back fails what it has lost") {
  size_t more = 0;
  SUBCASE("small records") {}
  SUBCASE("records of a kilobyte") { more = kMore; }
  const Files cut(more);
  Loader loader(cut.job({whole_shuffle(2)}));
  const std::string& path = cut.paths.back();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  size_t rows = 0;
  const auto whole = expected(kRecords, 0, 1, 2, 1, more);
  CHECK_THROWS_AS(
      [&] {
        for (;;) {
          const Loader::Delivery delivery = loader.next(60s);
          if (delivery.outcome != Outbox::Outcome::kBatch) return;
          for (size_t i = 0; i < delivery.batch->rows(); ++i) {
            REQUIRE(values_at<std::string>(*delivery.batch, 0, i)[0] == whole[rows++]);
          }
        }
      }(),
      Error);
}
