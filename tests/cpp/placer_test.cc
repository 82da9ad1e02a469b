// Stories of windows whose records are parsed as they come in, into the rows that they will be
// drawn for: nobody can tell, but by what was read again at the end.
#include "placer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "windows.h"

using namespace headrace;
using namespace headrace::testing;
using namespace std::chrono_literals;

namespace {

constexpr int64_t kRecords = 1500;
constexpr size_t kBatch = 16;
constexpr uint64_t kPlaced = 1, kNeverPlaced = UINT64_MAX;  // least bytes of a row

// Columns of every kind that does not grow.
std::shared_ptr<const Schema> fixed_schema() {
  std::vector<Column> columns;
  for (const Column& column : numbered_columns()) {
    if (!BatchLayout::grows(column)) columns.push_back(column);
  }
  return std::make_shared<const Schema>(columns);
}

Rows fixed_rows_of(Batch& batch) {
  Rows rows;
  for (size_t row = 0; row < batch.rows(); ++row) {
    rows.push_back(std::to_string(values_at<int64_t>(batch, 0, row)[0]) + ' ' +
                   text_of(values_at<int16_t>(batch, 1, row)) +
                   text_of(values_at<float>(batch, 2, row)) +
                   text_of(values_at<uint16_t>(batch, 3, row)) +
                   std::to_string(values_at<int64_t>(batch, 4, row)[0]));
  }
  return rows;
}

std::string fixed_row(int64_t n) {
  const Numbered record(n);
  const Numbers image = {(n & 0xff) | 1 << 8, (n >> 8 & 0xff) | 2 << 8};
  return std::to_string(n) + ' ' + text_of(record.small) + text_of(record.floats) + text_of(image) +
         "42";
}

std::vector<std::string> files_of(const Folder& folder) {
  return three_files(folder, 700, kRecords);
}

LoaderJob job_of(std::vector<std::string> files, int64_t window) {
  LoaderJob job = window_of(std::move(files), fixed_schema(), kBatch, window);
  job.options.least_placed = kPlaced;
  return job;
}

std::vector<LoaderJob> jobs(const std::vector<std::string>& files) {
  std::vector<LoaderJob> jobs;
  for (const int64_t window : {1, 2, 50, 400, 1484, 1500, 5000}) {
    jobs.push_back(job_of(files, window));
  }
  const Verb repeat{Verb::kRepeat, 3};
  for (const int64_t window : {90, 1000}) {
    jobs.push_back(job_of(files, window));
    jobs.back().verbs.push_back(repeat);
    jobs.push_back(job_of(files, window));
    jobs.back().verbs.insert(jobs.back().verbs.begin(), repeat);
  }
  jobs.push_back(job_of(files, 60));
  jobs.back().verbs.insert(jobs.back().verbs.begin(), Verb{Verb::kShard, 3, 1});
  jobs.push_back(job_of(files, 60));
  jobs.back().verbs.insert(jobs.back().verbs.begin(), Verb{Verb::kTake, 333});
  jobs.back().verbs.push_back(repeat);
  jobs.push_back(job_of(files, 60));
  jobs.back().verbs.push_back(Verb{Verb::kTake, 700});
  jobs.push_back(job_of(files, 100));
  jobs.back().interleaving = {.slots = 2, .turn_length = 3};
  jobs.push_back(job_of(files, 100));
  jobs.back().drop_remainder = true;
  jobs.back().options.prefetch = 1;
  return jobs;
}

void read(Loader& loader, Reading& reading) { testing::read(loader, reading, fixed_rows_of); }
Reading read(const LoaderJob& job) { return testing::read(job, fixed_rows_of); }

Reading read_unplaced(LoaderJob job) {
  job.options.least_placed = kNeverPlaced;
  return read(job);
}

uint64_t size_of_all() {
  uint64_t size = 0;
  for (const int64_t n : range(0, kRecords)) size += numbered_example(n).size() + kFrameSize;
  return size;
}

void check_same_error(const Reading& reading, const Reading& expected) {
  REQUIRE(reading.error);
  REQUIRE(expected.error);
  CHECK(std::string(reading.error->what()) == expected.error->what());
  CHECK(reading.error->record == expected.error->record);
  CHECK(reading.error->offset == expected.error->offset);
  CHECK(reading.batches == expected.batches);
}

}  // namespace

TEST_CASE("rows that are written ahead are those of the order") {
  const Folder folder;
  const auto files = files_of(folder);
  for (LoaderJob job : jobs(files)) {
    const Reading expected = read_unplaced(job);
    REQUIRE(!expected.error);
    REQUIRE(expected.batches.size() > 2);
    for (const int threads : {1, 2, 8}) {
      job.options.threads = threads;
      const Reading reading = read(job);
      CHECK(!reading.error);
      CHECK(reading.batches == expected.batches);
    }
  }
  Rows all = read(job_of(files, 50)).rows(), numbered;
  for (const int64_t n : range(0, kRecords)) numbered.push_back(fixed_row(n));
  std::sort(all.begin(), all.end());
  std::sort(numbered.begin(), numbered.end());
  CHECK(all == numbered);
}

TEST_CASE("what was written ahead for draws that do not come is read again") {
  const Folder folder;
  const LoaderJob job = job_of(files_of(folder), 200);
  const uint64_t again = read(job).bytes_read - read_unplaced(job).bytes_read;
  CHECK(again > size_of_all() / 20);
  CHECK(again < size_of_all());  // what lies between such records is read as well
}

TEST_CASE("a stream goes on behind any of its batches, placed or not") {
  const Folder folder;
  const auto files = files_of(folder);
  for (LoaderJob job : jobs(files)) {
    const Reading whole = read(job);
    for (size_t k = 0; k < whole.ends.size(); k += 1 + k % 5) {
      job.options.least_placed = k % 2 == 0 ? kPlaced : kNeverPlaced;
      check_goes_on(job, whole, k, fixed_rows_of);
    }
  }
}

TEST_CASE("errors have the same place and text") {
  const Folder folder;
  std::vector<std::string> examples = numbered_examples(range(0, kRecords));
  std::string bytes;
  SUBCASE("a record that does not parse") {
    examples[900] = "no example";
    bytes = framed(examples);
  }
  SUBCASE("several of them") {
    for (size_t i = 1400; i > 700; i -= 50) examples[i] = "none";
    bytes = framed(examples);
  }
  SUBCASE("a damaged one") {
    bytes = framed(examples);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  }
  SUBCASE("a file that is cut") {
    bytes = framed(examples);
    bytes.resize(bytes.size() - 7);
  }
  const std::string file = folder.write("file", bytes);
  for (const int64_t window : {1, 40, 300, 2000}) {
    LoaderJob job = job_of({file}, window);
    const Reading expected = read_unplaced(job);
    for (const int threads : {1, 2, 8}) {
      job.options.threads = threads;
      check_same_error(read(job), expected);
    }
  }
}

TEST_CASE("good records of damaged files are placed") {
  const Folder folder;
  std::string bytes = framed(numbered_examples(range(0, kRecords)));
  for (size_t i = 3000; i < bytes.size(); i += 5003) bytes[i] = static_cast<char>(bytes[i] ^ 1);
  LoaderJob job = job_of({folder.write("damaged", bytes)}, 100);
  job.on_corruption = OnCorruption::kSkip;
  const Reading reading = read(job), expected = read_unplaced(job);
  CHECK(!reading.error);
  CHECK(reading.batches.size() > 10);
  CHECK(reading.batches == expected.batches);
  CHECK(reading.bytes_read > expected.bytes_read);
}

TEST_CASE("a record that is not as it was when it is read again fails its row") {
  const Folder folder;
  LoaderJob job = job_of(files_of(folder), 1000);
  const Reading whole = read(job);
  job.options.prefetch = 1;
  Loader loader(job);
  // The window is drained behind the first third.
  Reading reading;
  for (size_t i = 0; i < kRecords / 3 / kBatch; ++i) {
    reading.batches.push_back(fixed_rows_of(*loader.next(60s).batch));
  }
  for (const char* const name : {"a", "c"}) {
    std::ofstream(folder.path(name), std::ios::binary | std::ios::trunc) << "short";
  }
  read(loader, reading);
  REQUIRE(reading.error);
  CHECK(reading.error->fault == Fault::kDataLoss);
  CHECK(std::string(reading.error->what()).find("changed while being read") != std::string::npos);
  REQUIRE(reading.batches.size() < whole.batches.size());
  for (size_t i = 0; i < reading.batches.size(); ++i) {
    CHECK(reading.batches[i] == whole.batches[i]);
  }
}

TEST_CASE("a loader that places may go at any time") {
  const Folder folder;
  const auto files = files_of(folder);
  for (const LoaderJob& job : jobs(files)) {
    for (const size_t batches : {0, 1, 40}) {
      Loader loader(job);
      for (size_t i = 0; i < batches; ++i) loader.next(60s);
    }
  }
}
