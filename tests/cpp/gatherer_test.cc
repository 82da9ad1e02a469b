// Stories of windows whose memory is bounded: whatever is kept of what has been read, and whatever
// is read again, batches and their places in the stream are the same.
#include "gatherer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "windows.h"

using namespace headrace;
using namespace headrace::testing;
using namespace std::chrono_literals;

namespace {

constexpr int64_t kRecords = 400;
constexpr size_t kBatch = 16;

// Bytes; the window has half of it, which is nothing, a few blocks, and more than all records.
constexpr uint64_t kBudgets[] = {1, 40'000, 1 << 20};

std::vector<std::string> files_of(const Folder& folder) {
  return three_files(folder, 130, kRecords);
}

LoaderJob job_of(std::vector<std::string> files, int64_t window) {
  return window_of(std::move(files), numbered_schema(), kBatch, window);
}

std::vector<LoaderJob> jobs(const std::vector<std::string>& files) {
  std::vector<LoaderJob> jobs;
  for (const int64_t window : {1, 7, 50, 1000}) jobs.push_back(job_of(files, window));
  const Verb repeat{Verb::kRepeat, 3};
  jobs.push_back(job_of(files, 90));
  jobs.back().verbs.push_back(repeat);
  jobs.push_back(job_of(files, 500));
  jobs.back().verbs.insert(jobs.back().verbs.begin(), repeat);
  jobs.push_back(job_of(files, 60));
  jobs.back().verbs.insert(jobs.back().verbs.begin(), Verb{Verb::kShard, 3, 1});
  jobs.back().verbs.push_back(Verb{Verb::kSkip, 5});
  jobs.push_back(job_of(files, 100));
  jobs.back().interleaving = {.slots = 2, .turn_length = 3};
  jobs.push_back(job_of(files, 100));
  jobs.back().single = true;
  return jobs;
}

void read(Loader& loader, Reading& reading) { testing::read(loader, reading, rows_of); }
Reading read(const LoaderJob& job) { return testing::read(job, rows_of); }

int64_t number_of(const std::string& row) { return std::stoll(row); }

}  // namespace

TEST_CASE("what a budget leaves of a window changes no batch") {
  const Folder folder;
  const auto files = files_of(folder);
  for (LoaderJob job : jobs(files)) {
    const Reading whole = read(job);
    REQUIRE(!whole.error);
    REQUIRE(whole.batches.size() > 2);
    for (const uint64_t budget : kBudgets) {
      CAPTURE(budget);
      job.options.memory = budget;
      for (const int threads : {1, 2, 8}) {
        job.options.threads = threads;
        const Reading reading = read(job);
        CHECK(!reading.error);
        CHECK(reading.batches == whole.batches);
      }
    }
  }
}

TEST_CASE("a stream goes on behind any of its batches, with more or less memory") {
  const Folder folder;
  const auto files = files_of(folder);
  for (LoaderJob job : jobs(files)) {
    job.options.memory = 40'000;
    const Reading whole = read(job);
    for (size_t k = 0; k < whole.ends.size(); ++k) {
      job.options.memory = std::vector<uint64_t>{0, 1, 40'000}[k % 3];
      check_goes_on(job, whole, k, rows_of);
    }
  }
}

TEST_CASE("what is read again is counted") {
  const Folder folder;
  uint64_t bytes[2];
  for (const bool bounded : {false, true}) {
    LoaderJob job = job_of(files_of(folder), 1000);
    job.options.memory = bounded ? 1 : 0;
    Loader loader(job);
    Reading reading;
    read(loader, reading);
    bytes[bounded] = loader.stats().bytes_read;
  }
  uint64_t size = 0;
  for (const int64_t n : range(0, kRecords)) size += numbered_example(n).size() + kFrameSize;
  CHECK(bytes[1] >= bytes[0] + size);
}

TEST_CASE("good records of damaged files are read again where they stand") {
  const Folder folder;
  std::string bytes = framed(numbered_examples(range(0, kRecords)));
  for (size_t i = 3000; i < bytes.size(); i += 5003) bytes[i] = static_cast<char>(bytes[i] ^ 1);
  LoaderJob job = job_of({folder.write("damaged", bytes)}, 100);
  job.on_corruption = OnCorruption::kSkip;
  const Reading whole = read(job);
  job.options.memory = 1;
  const Reading reading = read(job);
  CHECK(!reading.error);
  CHECK(reading.batches.size() > 10);
  CHECK(reading.batches == whole.batches);
}

TEST_CASE("a record that is not there any more as it was fails its row") {
  const Folder folder;
  LoaderJob job = job_of(files_of(folder), 1000);
  const Reading whole = read(job);
  const int64_t last = number_of(whole.batches.back().back());
  const std::string path = folder.path(last < 130 ? "a" : "c");
  const int64_t ordinal = last < 130 ? last : last - 130;
  size_t begin = 0;
  for (int64_t n = last - ordinal; n < last; ++n) begin += numbered_example(n).size() + kFrameSize;
  job.options.memory = 1;
  job.options.prefetch = 1;

  size_t changed = begin + 30;  // in its data
  SUBCASE("another data") {}
  SUBCASE("another header") { changed = begin + 1; }
  Loader loader(job);
  REQUIRE(loader.next(60s).outcome == Outbox::Outcome::kBatch);  // so all has been read once
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(changed));
    file.put('!');
  }
  Reading rest;
  read(loader, rest);
  CHECK(rest.batches == std::vector<Rows>(whole.batches.begin() + 1, whole.batches.end() - 1));
  REQUIRE(rest.error);
  CHECK(rest.error->fault == Fault::kDataLoss);
  CHECK(rest.error->path == path);
  CHECK(rest.error->record == ordinal);
  CHECK(rest.error->offset == static_cast<int64_t>(begin));
  const std::string message = rest.error->what();
  CHECK(message.find("changed while being read") != std::string::npos);
  CHECK(message.find("15 records before it in the same batch were dropped") != std::string::npos);
}

TEST_CASE("a file that is cut or gone when its records are read again") {
  const Folder folder;
  LoaderJob job = job_of(files_of(folder), 1000);
  const Reading whole = read(job);
  job.options.memory = 1;
  job.options.prefetch = 1;
  for (const OnCorruption policy : {OnCorruption::kRaise, OnCorruption::kSkip}) {
    files_of(folder);
    job.on_corruption = policy;
    Loader loader(job);
    REQUIRE(loader.next(60s).outcome == Outbox::Outcome::kBatch);
    std::ofstream(folder.path("c"), std::ios::binary | std::ios::trunc) << "short";
    Reading rest;
    read(loader, rest);
    REQUIRE(rest.error);
    CHECK(rest.error->fault == Fault::kDataLoss);
    CHECK(rest.error->path == folder.path("c"));
    CHECK(std::string(rest.error->what()).find("found the end of the file") != std::string::npos);
    REQUIRE(rest.batches.size() < whole.batches.size() - 1);
    for (size_t i = 0; i < rest.batches.size(); ++i) {
      CHECK(rest.batches[i] == whole.batches[i + 1]);
    }
  }
}
