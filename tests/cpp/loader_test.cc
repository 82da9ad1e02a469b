// Stories of the loader: files in, batches out, whatever the number of threads and the cut of the
// blocks, and whatever happens to the files or the consumer meanwhile.
#include "loader.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "examples.h"
#include "files.h"
#include "numbered.h"
#include "record.h"

using namespace headrace;
using namespace headrace::testing;
using namespace std::chrono_literals;

namespace {

using Rows = std::vector<std::string>;
using Outcome = Outbox::Outcome;

constexpr auto kPatience = 60s;  // nothing here takes as long; a test that waits this long fails
constexpr int64_t kAll = -1;

// A window of one record changes no order, but goes the other way through the core, and with little
// memory reads each record again. In file order with little memory, blocks come in parts.
struct How {
  int threads;
  uint64_t block_size;
  bool gathers = false;
  uint64_t memory = 0;
};

doctest::String toString(const How& how) {
  return ((how.gathers ? "gathered by " : "in file order by ") + std::to_string(how.threads) +
          " threads, blocks of " + std::to_string(how.block_size) + ", memory " +
          std::to_string(how.memory))
      .c_str();
}

// Few enough threads to see the effect of one, many enough to have them in each other's way;
// blocks shorter than a header, shorter than a record, of several records, larger than the file.
constexpr How kWays[] = {
    {1, 1},          {2, 1},           {8, 1},           {1, 7},           {2, 7},
    {8, 7},          {1, 64},          {2, 64},          {8, 64},          {1, 0},
    {2, 0},          {8, 0},           {1, 4096},        {2, 4096},        {8, 4096},
    {1, 1, true},    {2, 7, true},     {8, 64, true},    {8, 4096, true},  {1, 0, true},
    {1, 7, true, 1}, {8, 64, true, 1}, {1, 0, false, 1}, {8, 0, false, 1}, {8, 4096, false, 3000}};
constexpr How kFewWays[] = {{1, 0},       {2, 64},       {8, 7},           {8, 1000},
                            {1, 0, true}, {8, 64, true}, {2, 64, true, 1}, {2, 0, false, 1}};

LoaderJob job_of(std::vector<std::string> files, size_t batch_size, How how = {2, 0}) {
  LoaderJob job;
  job.files = std::move(files);
  job.schema = numbered_schema();
  job.batch_size = batch_size;
  job.options.threads = how.threads;
  job.options.block_size = how.block_size;
  job.options.memory = how.memory;
  if (how.gathers) job.verbs = {Verb{Verb::kShuffle, 1}};
  return job;
}

// The job with these verbs before what it does already.
LoaderJob with(std::vector<Verb> verbs, LoaderJob job) {
  job.verbs.insert(job.verbs.begin(), verbs.begin(), verbs.end());
  return job;
}

std::vector<Numbers> chunks(const Numbers& numbers, size_t size, bool drop_remainder = false) {
  std::vector<Numbers> result;
  for (size_t i = 0; i < numbers.size(); i += size) {
    const size_t n = std::min(size, numbers.size() - i);
    if (n < size && drop_remainder) break;
    result.emplace_back(numbers.begin() + static_cast<ptrdiff_t>(i),
                        numbers.begin() + static_cast<ptrdiff_t>(i + n));
  }
  return result;
}

std::vector<Rows> expected_batches(const Numbers& numbers, size_t size,
                                   bool drop_remainder = false) {
  std::vector<Rows> result;
  for (const Numbers& chunk : chunks(numbers, size, drop_remainder)) {
    result.push_back(expected_rows(chunk));
  }
  return result;
}

Rows raw_rows_of(Batch& batch) {
  Rows rows;
  for (size_t i = 0; i < batch.rows(); ++i) rows.push_back(values_at<std::string>(batch, 0, i)[0]);
  return rows;
}

// All that a loader gives until its end, errors in their places.
struct Reading {
  std::vector<Rows> batches;
  std::vector<Position> ends;  // behind each batch
  std::vector<Error> errors;
  std::vector<size_t> before;  // batches before each error

  Rows rows() const {
    Rows all;
    for (const Rows& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
    return all;
  }
};

Reading read(Loader& loader, Rows (*rows)(Batch&) = rows_of) {
  constexpr size_t kEnoughErrors = 3;  // some are forever
  Reading reading;
  while (reading.errors.size() < kEnoughErrors) {
    try {
      const Loader::Delivery delivery = loader.next(kPatience);
      if (delivery.outcome == Outcome::kEnd) break;
      REQUIRE(delivery.outcome == Outcome::kBatch);
      reading.batches.push_back(rows(*delivery.batch));
      reading.ends.push_back(loader.position());
    } catch (const Error& error) {
      reading.errors.push_back(error);
      reading.before.push_back(reading.batches.size());
    }
  }
  return reading;
}

Reading read(LoaderJob job) {
  const auto rows = job.schema ? rows_of : raw_rows_of;
  Loader loader(std::move(job));
  return read(loader, rows);
}

void check_error(const Error& error, Fault fault, const std::string& path, int64_t record,
                 int64_t offset) {
  CHECK(error.fault == fault);
  CHECK(error.path == path);
  CHECK(error.record == record);
  CHECK(error.offset == offset);
  CHECK(std::string(error.what()).find(path) != std::string::npos);
}

// Five files, some empty, with the numbers 0 to 99 in this order.
std::vector<std::string> five_files(const Folder& folder) {
  return {folder.write("a", Records{}),
          folder.write("b", numbered_examples(range(0, 37))),
          folder.write("c", numbered_examples(range(37, 38))),
          folder.write("d", Records{}),
          folder.write("e", numbered_examples(range(38, 100))),
          folder.write("f", Records{})};
}

// Where record `index` of a file of numbered records begins.
size_t begin_of(const Numbers& numbers, size_t index) {
  size_t offset = 0;
  for (size_t i = 0; i < index; ++i) {
    offset += numbered_example(numbers[i]).size() + kFrameSize;
  }
  return offset;
}

// A stream that is read forever and never gives a batch.
LoaderJob endless(const Folder& folder, How how) {
  const LoaderJob job = job_of({folder.write("endless", numbered_examples(range(0, 20)))}, 4, how);
  return with({{Verb::kRepeat, kAll}, {Verb::kSkip, std::numeric_limits<int64_t>::max()}}, job);
}

}  // namespace

TEST_CASE("rows come in the order of files and records, for any threads and blocks") {
  const Folder folder;
  const auto files = five_files(folder);
  for (const How& how : kWays) {
    CAPTURE(how);
    for (const size_t batch_size : {1, 8, 100, 1000}) {
      CAPTURE(batch_size);
      Loader loader(job_of(files, batch_size, how));
      const Reading reading = read(loader);
      CHECK(reading.errors.empty());
      CHECK(reading.batches == expected_batches(range(0, 100), batch_size));
      const LoaderStats stats = loader.stats();
      CHECK(stats.records == 100);
      CHECK(stats.slow_records == 0);
      CHECK(stats.threads == how.threads);
      CHECK(stats.damage.places == 0);
    }
  }
}

TEST_CASE("a remainder may be dropped") {
  const Folder folder;
  LoaderJob job = job_of(five_files(folder), 16);
  job.drop_remainder = true;
  CHECK(read(job).batches == expected_batches(range(0, 100), 16, /*drop_remainder=*/true));
}

TEST_CASE("without a schema records come as they are") {
  const Folder folder;
  Records records;
  for (size_t i = 0; i < 200; ++i) records.push_back(std::string(i * i % 97, static_cast<char>(i)));
  const std::string file = folder.write("raw", records);
  for (const How& how : kWays) {
    CAPTURE(how);
    LoaderJob job = job_of({file}, 16, how);
    job.schema = nullptr;
    CHECK(read(job).rows() == records);
  }
}

TEST_CASE("batches of SequenceExamples are parsed, but those with one for the exact grammar") {
  const Folder folder;
  const SequenceSchema schema{
      std::make_shared<Schema>(std::vector{column("c", Kind::kInt64, Layout::kFixed)}),
      std::make_shared<Schema>(std::vector{column("f", Kind::kBytes, Layout::kRagged)})};
  Records records;
  std::vector<int64_t> rows_of_each;
  for (size_t i = 0; i < 200; ++i) {
    std::string list;
    for (size_t k = 0; k < i % 4; ++k) list += delimited(1, bytes_feature({std::string(i, 'x')}));
    const std::string context = delimited(1, entry("c", int64_feature({uint8_t(i % 100)})));
    const std::string lists = delimited(2, entry("f", list));
    records.push_back(i % 50 == 40 ? lists + context : context + lists);
    rows_of_each.push_back(static_cast<int64_t>(i % 4));
  }
  const std::string file = folder.write("sequences", records);
  for (const How& how : kWays) {
    CAPTURE(how);
    LoaderJob job = job_of({file}, 10, how);
    job.schema = nullptr;
    job.sequences = schema;
    Loader loader(job);
    for (size_t first = 0; first < records.size(); first += 10) {
      const Loader::Delivery delivery = loader.next(kPatience);
      REQUIRE(delivery.outcome == Outcome::kBatch);
      SequenceArrays* const sequences = delivery.batch->sequences();
      REQUIRE((sequences == nullptr) == (first % 50 == 40));
      if (sequences == nullptr) {
        CHECK(raw_rows_of(*delivery.batch) == Records(&records[first], &records[first] + 10));
        continue;
      }
      CHECK(sequences->examples == 10);
      const auto* const c = reinterpret_cast<const int64_t*>(sequences->context[0].values.data());
      const std::vector<int64_t>& splits = sequences->lists[0].row_splits;
      for (size_t i = 0; i < 10; ++i) {
        REQUIRE(c[i] == static_cast<int64_t>((first + i) % 100));
        REQUIRE(splits[i + 1] - splits[i] == rows_of_each[first + i]);
      }
    }
    CHECK(loader.next(kPatience).outcome == Outcome::kEnd);
    CHECK(loader.stats().slow_records == 40);
  }
}

TEST_CASE("sequences of single examples are not padded") {
  const Folder folder;
  for (const How& how : kFewWays) {
    LoaderJob job = job_of(five_files(folder), 16, how);
    job.single = true;
    CHECK(read(job).rows() == expected_rows(range(0, 100), /*pad=*/false));
  }
}

TEST_CASE("no files, and only empty ones, end at once") {
  const Folder folder;
  const std::string empty = folder.write("empty", Records{});
  for (const auto& files : {std::vector<std::string>{}, {empty}, {empty, empty, empty}}) {
    for (const bool repeats : {false, true}) {
      LoaderJob job = job_of(files, 4, {8, 0});
      if (repeats) job = with({{Verb::kRepeat, kAll}}, job);
      const Reading reading = read(job);
      CHECK(reading.batches.empty());
      CHECK(reading.errors.empty());
    }
  }
}

TEST_CASE("a record larger than many blocks") {
  const Folder folder;
  const Records records = {"first", std::string(300'000, 'x'), "", std::string(70'000, 'y'),
                           "last"};
  const std::string file = folder.write("giant", records);
  for (const How& how : kWays) {
    CAPTURE(how);
    LoaderJob job = job_of({file}, 2, how);
    job.schema = nullptr;
    CHECK(read(job).rows() == records);
  }
}

TEST_CASE("thousands of files need few descriptors") {
  const Folder folder;
  std::vector<std::string> files;
  for (int64_t i = 0; i < 2000; ++i) {
    files.push_back(folder.write(std::to_string(i), numbered_examples({i})));
  }
  struct rlimit limit;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const struct rlimit few = {64, limit.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  const Reading reading = read(job_of(files, 100, {8, 0}));
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(reading.errors.empty());
  CHECK(reading.rows().size() == 2000);
  CHECK(reading.batches == expected_batches(range(0, 2000), 100));
}

// --- Chains ---

namespace {

constexpr size_t kEndless = 3000;  // records that stand for an endless stream

// What a chain of verbs makes of the source, by its definition.
Numbers stream(const std::vector<Verb>& verbs, const Numbers& source) {
  Numbers numbers = source;
  for (const Verb& verb : verbs) {
    const size_t n = verb.a < 0 ? numbers.size() : std::min(numbers.size(), size_t(verb.a));
    Numbers next;
    switch (verb.kind) {
      case Verb::kSkip:
        next.assign(numbers.begin() + static_cast<ptrdiff_t>(n), numbers.end());
        break;
      case Verb::kTake:
        next.assign(numbers.begin(), numbers.begin() + static_cast<ptrdiff_t>(n));
        break;
      case Verb::kShard:
        for (size_t i = size_t(verb.b); i < numbers.size(); i += size_t(verb.a)) {
          next.push_back(numbers[i]);
        }
        break;
      default:
        FAIL("no chain here has this verb");
        break;
      case Verb::kRepeat:
        for (int64_t pass = 0; !numbers.empty() && pass != verb.a && next.size() < kEndless;
             ++pass) {
          next.insert(next.end(), numbers.begin(), numbers.end());
        }
        break;
    }
    numbers = next;
  }
  return numbers;
}

const std::vector<std::vector<Verb>> kChains = {
    {{Verb::kTake, 0}},
    {{Verb::kTake, 41}},
    {{Verb::kTake, kAll}},
    {{Verb::kSkip, kAll}},
    {{Verb::kSkip, 40}},
    {{Verb::kSkip, 1000}},
    {{Verb::kSkip, 35}, {Verb::kTake, 5}},
    {{Verb::kTake, 60}, {Verb::kSkip, 30}},
    {{Verb::kShard, 3, 1}},
    {{Verb::kShard, 200, 150}},
    {{Verb::kShard, 2, 0}, {Verb::kShard, 3, 2}},
    {{Verb::kRepeat, 3}},
    {{Verb::kRepeat, 0}},
    {{Verb::kRepeat, kAll}, {Verb::kTake, 250}},
    {{Verb::kTake, 7}, {Verb::kRepeat, 4}, {Verb::kSkip, 3}},
    {{Verb::kSkip, 98}, {Verb::kRepeat, kAll}, {Verb::kTake, 9}},
    {{Verb::kSkip, 1000}, {Verb::kRepeat, kAll}},
    {{Verb::kRepeat, 2}, {Verb::kShard, 7, 3}, {Verb::kTake, 20}, {Verb::kRepeat, 2}},
    {{Verb::kTake, 30}, {Verb::kRepeat, 2}, {Verb::kTake, 50}, {Verb::kRepeat, 2}},
};

}  // namespace

TEST_CASE("chains of verbs mean what they say") {
  const Folder folder;
  const auto files = five_files(folder);
  for (size_t i = 0; i < kChains.size(); ++i) {
    CAPTURE(i);
    for (const How& how : kFewWays) {
      const LoaderJob job = with(kChains[i], job_of(files, 8, how));
      CHECK(read(job).batches == expected_batches(stream(kChains[i], range(0, 100)), 8));
    }
  }
}

TEST_CASE("a stream goes on behind any of its batches, under other threads and blocks") {
  const Folder folder;
  const auto files = five_files(folder);
  for (size_t i = 0; i < kChains.size(); ++i) {
    CAPTURE(i);
    LoaderJob job = with(kChains[i], job_of(files, 8, {2, 64, i % 2 == 1}));
    const Reading whole = read(job);
    for (size_t k = 0; k < whole.batches.size(); ++k) {
      job.options.threads = 1 + static_cast<int>(k % 3);
      job.options.block_size = k % 2 == 0 ? 0 : 100;
      Loader rest(job);
      rest.start_at(whole.ends[k]);
      const Reading reading = read(rest);
      CHECK(reading.errors.empty());
      CHECK(reading.batches ==
            std::vector<Rows>(whole.batches.begin() + static_cast<ptrdiff_t>(k) + 1,
                              whole.batches.end()));
    }
  }
}

TEST_CASE("a place that these files do not have is refused") {
  const Folder folder;
  const auto files = five_files(folder);
  const auto refused = [&](auto spoil) {
    LoaderJob job = job_of(files, 8);
    job.verbs = {{Verb::kTake, 5}};
    Loader loader(job);
    Position position = loader.position();
    spoil(position);
    CHECK_THROWS_AS(loader.start_at(position), std::invalid_argument);
    CHECK(read(loader).batches == expected_batches(range(0, 5), 8));
    CHECK_THROWS_AS(loader.start_at(loader.position()), std::invalid_argument);
  };
  refused([](Position& position) { position.file = 100; });
  refused([](Position& position) { position.offset = 1; });  // the first file is empty
  refused([](Position& position) { position.plan.push_back(0); });
  refused([](Position& position) { position.plan.clear(); });
}

// --- Damage ---

namespace {

// Three files of twenty numbered records each; the middle one can be damaged.
struct ThreeFiles {
  explicit ThreeFiles(const Folder& folder)
      : numbers(range(20, 40)),
        middle(framed(numbered_examples(numbers))),
        folder(folder),
        files{folder.write("0", numbered_examples(range(0, 20))), folder.write("1", middle),
              folder.write("2", numbered_examples(range(40, 60)))} {}

  void rewrite(const std::string& bytes) { folder.write("1", bytes); }

  const Numbers numbers;
  const std::string middle;
  const Folder& folder;
  const std::vector<std::string> files;
};

constexpr size_t kBatch = 8;

LoaderJob tolerant(const ThreeFiles& three, OnCorruption policy, How how) {
  LoaderJob job = job_of(three.files, kBatch, how);
  job.on_corruption = policy;
  return job;
}

Numbers operator+(Numbers a, const Numbers& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// What stands before the damage arrives in whole batches; what follows depends on the policy.
void check_raises(const Reading& reading, const Numbers& before) {
  CHECK(reading.batches == expected_batches(before, kBatch, /*drop_remainder=*/true));
  REQUIRE(reading.errors.size() == 3);  // again and again
  CHECK(std::string(reading.errors[0].what()) == reading.errors[2].what());
  const size_t lost = before.size() % kBatch;
  const std::string note = "(" + std::to_string(lost) + " records before it";
  CHECK((std::string(reading.errors[0].what()).find(note) != std::string::npos) == (lost != 0));
}

void check_goes_on(const Reading& reading, const Numbers& before, const Numbers& behind) {
  const auto first = expected_batches(before, kBatch, /*drop_remainder=*/true);
  auto all = first;
  for (const Rows& batch : expected_batches(behind, kBatch)) all.push_back(batch);
  CHECK(reading.batches == all);
  REQUIRE(reading.errors.size() == 1);
  CHECK(reading.before[0] == first.size());
}

}  // namespace

TEST_CASE("a damaged record under every policy") {
  const Folder folder;
  ThreeFiles three(folder);
  for (const size_t index : {size_t{0}, size_t{7}, size_t{19}}) {
    const size_t begin = begin_of(three.numbers, index);
    const size_t size = numbered_example(three.numbers[index]).size();
    const Numbers before = range(0, 20 + static_cast<int64_t>(index));
    const Numbers behind = range(21 + static_cast<int64_t>(index), 40);
    // In the length, also where it becomes huge; its checksum; the data; their checksum.
    for (const size_t at :
         {size_t{0}, size_t{1}, size_t{6}, size_t{9}, size_t{12}, size + 11, size + 15}) {
      const bool in_data = at >= kHeaderSize;
      three.rewrite(flipped(three.middle, begin + at));
      for (const How& how : kFewWays) {
        CAPTURE(index);
        CAPTURE(at);
        CAPTURE(how);
        {
          const Reading reading = read(tolerant(three, OnCorruption::kRaise, how));
          check_raises(reading, before);
          check_error(reading.errors[0], Fault::kCorrupted, three.files[1],
                      static_cast<int64_t>(index), static_cast<int64_t>(begin));
          const std::string text =
              "corrupted record at " + std::to_string(begin + (in_data ? 12 : 0));
          CHECK(std::string(reading.errors[0].what()).find(text) != std::string::npos);
        }
        {
          Loader loader(tolerant(three, OnCorruption::kSkip, how));
          const Reading reading = read(loader);
          CHECK(reading.errors.empty());
          CHECK(reading.batches == expected_batches(before + behind + range(40, 60), kBatch));
          const Damage damage = loader.stats().damage;
          CHECK(damage.places == 1);
          CHECK(damage.bytes == size + kFrameSize);
          CHECK(damage.files == (index == 19 && !in_data ? 1 : 0));
        }
        {
          Loader loader(tolerant(three, OnCorruption::kStopFile, how));
          const Reading reading = read(loader);
          CHECK(reading.errors.empty());
          CHECK(reading.batches == expected_batches(before + range(40, 60), kBatch));
          const Damage damage = loader.stats().damage;
          CHECK(damage.places == 1);
          CHECK(damage.bytes == three.middle.size() - begin);
          CHECK(damage.files == 1);
        }
        {
          const Reading reading = read(tolerant(three, OnCorruption::kTf, how));
          check_goes_on(reading, before, range(40, 60));
          check_error(reading.errors[0], Fault::kCorrupted, three.files[1],
                      static_cast<int64_t>(index), static_cast<int64_t>(begin));
        }
      }
    }
  }
}

TEST_CASE("a file cut at any byte of its last records, under every policy") {
  const Folder folder;
  ThreeFiles three(folder);
  const size_t last = begin_of(three.numbers, 19);
  for (size_t size = begin_of(three.numbers, 18); size <= three.middle.size(); ++size) {
    const size_t begin = size < last                  ? begin_of(three.numbers, 18)
                         : size < three.middle.size() ? last
                                                      : three.middle.size();
    const int64_t good = size < last ? 18 : size < three.middle.size() ? 19 : 20;
    const size_t left = size - begin;
    const Numbers before = range(0, 20 + good);
    const How& how = kFewWays[size % std::size(kFewWays)];
    CAPTURE(left);
    CAPTURE(good);
    CAPTURE(how);
    three.rewrite(three.middle.substr(0, size));
    if (left == 0) {
      CHECK(read(tolerant(three, OnCorruption::kRaise, how)).batches ==
            expected_batches(before + range(40, 60), kBatch));
      continue;
    }
    const Reading raised = read(tolerant(three, OnCorruption::kRaise, how));
    check_raises(raised, before);
    check_error(raised.errors[0], Fault::kTruncated, three.files[1], good,
                static_cast<int64_t>(begin));
    for (const OnCorruption policy : {OnCorruption::kSkip, OnCorruption::kStopFile}) {
      Loader loader(tolerant(three, policy, how));
      const Reading reading = read(loader);
      CHECK(reading.errors.empty());
      CHECK(reading.batches == expected_batches(before + range(40, 60), kBatch));
      CHECK(loader.stats().damage.bytes == left);
      CHECK(loader.stats().damage.files == 1);
    }
    const Reading reading = read(tolerant(three, OnCorruption::kTf, how));
    if (left < kHeaderSize) {  // TensorFlow takes it for the end of the file
      CHECK(reading.errors.empty());
      CHECK(reading.batches == expected_batches(before + range(40, 60), kBatch));
    } else {
      check_goes_on(reading, before, range(40, 60));
    }
  }
}

TEST_CASE("good records between junk are found") {
  const Folder folder;
  const std::string junk = "\x01\x02junk" + std::string(500, '\0') + "more junk";
  const std::string bytes = junk + framed(numbered_examples(range(0, 9))) + junk +
                            framed(numbered_examples(range(9, 10))) + junk;
  const std::string file = folder.write("file", bytes);
  for (const How& how : kWays) {
    CAPTURE(how);
    LoaderJob job = job_of({file, file}, 4, how);
    job.on_corruption = OnCorruption::kSkip;
    Loader loader(job);
    const Reading reading = read(loader);
    CHECK(reading.batches == expected_batches(range(0, 10) + range(0, 10), 4));
    CHECK(loader.stats().damage.places == 6);
    CHECK(loader.stats().damage.bytes == 6 * junk.size());
    CHECK(loader.stats().damage.files == 2);
  }
}

TEST_CASE("unverified data arrive as they are") {
  const Folder folder;
  const Records records = {"one", "two", "three"};
  std::string bytes = flipped(framed(records), 12);
  const std::string file = folder.write("file", bytes);
  for (const OnCorruption policy :
       {OnCorruption::kRaise, OnCorruption::kSkip, OnCorruption::kStopFile, OnCorruption::kTf}) {
    LoaderJob job = job_of({file}, 3);
    job.schema = nullptr;
    job.on_corruption = policy;
    job.options.verify = false;
    CHECK(read(job).rows() == Rows{"\x7fne", "two", "three"});
  }
}

TEST_CASE("a record that does not parse takes its row's place") {
  const Folder folder;
  Records records = numbered_examples(range(0, 40));
  size_t offset = 0;
  for (size_t i = 0; i < 21; ++i) offset += records[i].size() + kFrameSize;
  records[21] = "not a proto at all";
  const std::vector<std::string> files = {folder.write("0", records),
                                          folder.write("1", numbered_examples(range(40, 60)))};
  for (const How& how : kFewWays) {
    CAPTURE(how);
    const Reading raised = read(job_of(files, kBatch, how));
    check_raises(raised, range(0, 21));
    check_error(raised.errors[0], Fault::kParse, files[0], 21, static_cast<int64_t>(offset));

    LoaderJob job = job_of(files, kBatch, how);
    job.on_corruption = OnCorruption::kTf;  // goes on with the next batch
    check_goes_on(read(job), range(0, 16), range(24, 60));

    job = job_of(files, kBatch, how);
    job.single = true;  // rows before it are delivered
    const Reading single = read(job);
    CHECK(single.rows() == expected_rows(range(0, 21), /*pad=*/false));
    CHECK(single.errors.size() == 3);
  }
}

// --- Files that are not what they were ---

TEST_CASE("what is no file is refused before anything is read") {
  const Folder folder;
  const std::string good = folder.write("good", numbered_examples(range(0, 5)));
  const auto code = [&](const std::string& path) {
    try {
      Loader loader(job_of({good, path}, 4));
    } catch (const Error& error) {
      CHECK(error.fault == Fault::kSystem);
      CHECK(error.path == path);
      return error.code;
    }
    return 0;
  };
  CHECK(code(folder.path("missing")) == ENOENT);
  CHECK(code(folder.path(".")) == EISDIR);
  CHECK(code("/dev/null") == ESPIPE);
  CHECK(code(good) == 0);
}

TEST_CASE("a file that vanishes has its error in its place") {
  for (const How& how : kFewWays) {
    CAPTURE(how);
    const Folder folder;
    const ThreeFiles three(folder);
    for (const OnCorruption policy :
         {OnCorruption::kRaise, OnCorruption::kSkip, OnCorruption::kStopFile, OnCorruption::kTf}) {
      three.folder.write("1", three.middle);
      Loader loader(tolerant(three, policy, how));
      REQUIRE(unlink(three.files[1].c_str()) == 0);
      const Reading reading = read(loader);
      check_raises(reading, range(0, 20));  // also as TensorFlow: such an error is forever
      CHECK(reading.errors[0].fault == Fault::kSystem);
      CHECK(reading.errors[0].code == ENOENT);
      CHECK(reading.errors[0].path == three.files[1]);
    }
  }
}

TEST_CASE("a file that has another size when its turn comes") {
  for (const How& how : kFewWays) {
    CAPTURE(how);
    const Folder folder;
    ThreeFiles three(folder);
    for (const std::string& other : {three.middle + three.middle, three.middle.substr(0, 100)}) {
      three.rewrite(three.middle);
      Loader raising(tolerant(three, OnCorruption::kRaise, how));
      Loader going_on(tolerant(three, OnCorruption::kTf, how));
      three.rewrite(other);
      const Reading reading = read(raising);
      check_raises(reading, range(0, 20));
      CHECK(reading.errors[0].fault == Fault::kDataLoss);
      CHECK(std::string(reading.errors[0].what()).find("changed while being read") !=
            std::string::npos);
      check_goes_on(read(going_on), range(0, 20), range(40, 60));
    }
  }
}

TEST_CASE("a file that shrinks while it is read never gives rows that it did not hold") {
  const Numbers numbers = range(0, 3000);
  const std::string bytes = framed(numbered_examples(numbers));
  for (const OnCorruption policy :
       {OnCorruption::kRaise, OnCorruption::kSkip, OnCorruption::kStopFile, OnCorruption::kTf}) {
    for (const size_t size : {begin_of(numbers, 1500), begin_of(numbers, 1500) + 5,
                              begin_of(numbers, 1500) + 40, size_t{0}}) {
      for (const How& how : {How{1, 64}, How{2, 4096}, How{8, 1000}, How{4, 64, true}}) {
        CAPTURE(size);
        CAPTURE(how);
        const Folder folder;
        const std::string file = folder.write("file", bytes);
        LoaderJob job = job_of({file}, kBatch, how);
        job.on_corruption = policy;
        job.options.prefetch = 2;
        Loader loader(job);
        REQUIRE(loader.next(kPatience).outcome == Outcome::kBatch);
        REQUIRE(truncate(file.c_str(), static_cast<off_t>(size)) == 0);
        const Reading rest = read(loader);
        const Numbers all = range(kBatch, 3000);
        const auto expected = expected_batches(all, kBatch);
        REQUIRE(rest.batches.size() < expected.size());
        const bool raises = policy == OnCorruption::kRaise;
        CHECK((!rest.errors.empty() || !raises));  // others may take it for the end of the file
        for (size_t i = 0; i < rest.batches.size(); ++i) {
          const bool last = i + 1 == rest.batches.size();
          if (raises || !last) {
            REQUIRE(rest.batches[i] == expected[i]);
          } else {  // may be short
            const Numbers numbers_left = range(static_cast<int64_t>((i + 1) * kBatch), 3000);
            const Numbers rows(
                numbers_left.begin(),
                numbers_left.begin() + static_cast<ptrdiff_t>(rest.batches[i].size()));
            REQUIRE(rest.batches[i] == expected_rows(rows));
          }
        }
      }
    }
  }
}

// --- Large records ---

namespace {

// An Example of a wanted number and unwanted bytes.
std::string large_example(int64_t number, size_t size) {
  const std::string bytes(size, static_cast<char>(number));
  const ByteView view{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const Numbers one{0, 1};
  const std::vector<FeatureColumn> features = {
      {"number", std::span<const int64_t>(&number, 1), one},
      {"unwanted", std::span<const ByteView>(&view, 1), one}};
  const ExampleEncoder encoder(features, 1);
  std::string example(encoder.size(0), '\0');
  encoder.write_example(0, reinterpret_cast<uint8_t*>(example.data()));
  return example;
}

Rows numbers_of(Batch& batch) {
  Rows rows;
  for (size_t i = 0; i < batch.rows(); ++i) {
    rows.push_back(std::to_string(values_at<int64_t>(batch, 0, i)[0]));
  }
  return rows;
}

Rows as_text(const Numbers& numbers) {
  Rows rows;
  for (const int64_t number : numbers) rows.push_back(std::to_string(number));
  return rows;
}

}  // namespace

TEST_CASE("large records, of which only the headers are read at first") {
  const Folder folder;
  Records records;
  std::vector<int64_t> offsets;
  int64_t end = 0;
  for (int64_t n = 0; n < 120; ++n) {
    const bool small = n >= 30 && n < 90;
    records.push_back(large_example(n, small ? 10 : 70'000 + 9'000 * static_cast<size_t>(n % 8)));
    offsets.push_back(end);
    end += static_cast<int64_t>(records.back().size() + kHeaderSize + kFooterSize);
  }
  const std::string good = framed(records);
  const std::string file = folder.write("file", good);
  const auto job = [&](const How& how) {
    LoaderJob job = job_of({file, file}, 7, how);
    job.schema = std::make_shared<const Schema>(
        std::vector<Column>{column_of("number", Kind::kInt64, Layout::kFixed, Type::kInt64)});
    return job;
  };
  Numbers twice = range(0, 120);
  twice.insert(twice.end(), twice.begin(), twice.end());
  for (const How& how : {How{1, 0}, How{2, 0}, How{8, 0}, How{2, 100'000}, How{8, 64},
                         How{1, 0, true}, How{8, 0, true}, How{2, 100'000, true}}) {
    CAPTURE(how);
    folder.write("file", good);
    {
      Loader loader(job(how));
      const Reading reading = read(loader, numbers_of);
      CHECK(reading.rows() == as_text(twice));
      for (const size_t done : {1u, 4u, 20u}) {
        Loader rest(job(how));
        rest.start_at(reading.ends[done]);
        CHECK(
            read(rest, numbers_of).rows() ==
            as_text(Numbers(twice.begin() + static_cast<ptrdiff_t>(7 * (done + 1)), twice.end())));
      }
      Loader few(with({{Verb::kShard, 9, 4}}, job(how)));
      Numbers ninth;
      for (size_t i = 4; i < twice.size(); i += 9) ninth.push_back(twice[i]);
      CHECK(read(few, numbers_of).rows() == as_text(ninth));
    }
    for (const auto& [at, fault] : std::vector<std::pair<size_t, Fault>>{
             {0, Fault::kCorrupted}, {8, Fault::kCorrupted}, {60'000, Fault::kCorrupted}}) {
      std::string bad = good;
      bad[static_cast<size_t>(offsets[100]) + at] ^= 1;
      folder.write("file", bad);
      Loader loader(job(how));
      const Reading reading = read(loader, numbers_of);
      CHECK(reading.rows() == as_text(range(0, 98)));
      REQUIRE(!reading.errors.empty());
      check_error(reading.errors[0], fault, file, 100, offsets[100]);
    }
    folder.write("file", good.substr(0, static_cast<size_t>(offsets[100]) + 50'000));
    Loader torn(job(how));
    const Reading reading = read(torn, numbers_of);
    CHECK(reading.rows() == as_text(range(0, 98)));
    REQUIRE(!reading.errors.empty());
    check_error(reading.errors[0], Fault::kTruncated, file, 100, offsets[100]);
  }
}

TEST_CASE("a file of large records that shrinks while it is read") {
  const Folder folder;
  Records records;
  for (int64_t n = 0; n < 60; ++n) records.push_back(large_example(n, 80'000));
  const std::string file = folder.write("file", records);
  for (const How& how : {How{1, 0}, How{4, 0}, How{1, 0, true}, How{4, 0, true}}) {
    CAPTURE(how);
    folder.write("file", records);
    LoaderJob job = job_of({file, file, file}, 1, how);
    job.schema = std::make_shared<const Schema>(
        std::vector<Column>{column_of("number", Kind::kInt64, Layout::kFixed, Type::kInt64)});
    job.options.prefetch = 1;
    Loader loader(job);
    for (int i = 0; i < 3; ++i) REQUIRE(loader.next(kPatience).outcome == Outcome::kBatch);
    REQUIRE(truncate(file.c_str(), 1'000'000) == 0);
    const Reading rest = read(loader, numbers_of);
    CHECK(!rest.errors.empty());
    Numbers thrice;
    for (int i = 0; i < 3; ++i) {
      const Numbers once = range(0, 60);
      thrice.insert(thrice.end(), once.begin(), once.end());
    }
    const Rows rows = rest.rows();
    REQUIRE(rows.size() <= 177);
    CHECK(rows == as_text(Numbers(thrice.begin() + 3,
                                  thrice.begin() + 3 + static_cast<ptrdiff_t>(rows.size()))));
  }
}

// --- Ends ---

TEST_CASE("a loader may go at any time") {
  const Folder folder;
  const auto files = five_files(folder);
  for (const How& how : kWays) {
    for (int taken = 0; taken < 6; ++taken) {
      Loader loader(with({{Verb::kRepeat, kAll}}, job_of(files, 4, how)));
      for (int i = 0; i < taken; ++i) REQUIRE(loader.next(kPatience).outcome == Outcome::kBatch);
    }
  }
}

TEST_CASE("batches outlive their loader") {
  const Folder folder;
  std::vector<std::unique_ptr<Batch>> batches;
  {
    Loader loader(job_of(five_files(folder), 25));
    for (int i = 0; i < 4; ++i) batches.push_back(loader.next(kPatience).batch);
  }
  std::vector<Rows> rows;
  for (const auto& batch : batches) rows.push_back(rows_of(*batch));
  CHECK(rows == expected_batches(range(0, 100), 25));
}

TEST_CASE("a closed loader is at its end, however often it is closed") {
  const Folder folder;
  for (const int taken : {0, 1, 3}) {
    Loader loader(job_of(five_files(folder), 4));
    for (int i = 0; i < taken; ++i) REQUIRE(loader.next(kPatience).outcome == Outcome::kBatch);
    loader.close();
    loader.close();
    CHECK(loader.next(kPatience).outcome == Outcome::kEnd);
    CHECK(loader.next(kPatience).outcome == Outcome::kEnd);
  }
}

TEST_CASE("closing ends a wait") {
  const Folder folder;
  bool gathers = true;
  for (const int closers : {1, 2, 1, 2}) {
    gathers = !gathers;
    Loader loader(endless(folder, {4, 64, gathers}));
    CHECK(loader.next(10ms).outcome == Outcome::kTimeout);
    Outcome outcome = Outcome::kTimeout;
    std::thread consumer([&] { outcome = loader.next(kPatience).outcome; });
    std::this_thread::sleep_for(20ms);  // most likely it waits by now; either way it must end
    std::vector<std::thread> threads;
    for (int i = 0; i < closers; ++i) threads.emplace_back([&] { loader.close(); });
    for (std::thread& thread : threads) thread.join();
    consumer.join();
    CHECK(outcome == Outcome::kEnd);
  }
}

TEST_CASE("an abandoned consumer stops the reading") {
  const Folder folder;
  const std::string file = folder.write("file", numbered_examples(range(0, 1000)));
  for (const bool gathers : {false, true}) {
    LoaderJob job = with({{Verb::kRepeat, kAll}}, job_of({file}, 10, {8, 64, gathers}));
    job.options.prefetch = 3;
    Loader loader(job);
    REQUIRE(loader.next(kPatience).outcome == Outcome::kBatch);
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(5ms);
      CHECK(loader.stats().records <= 10 * (1 + 3 + 1));  // taken, ahead, open
    }
  }
}

TEST_CASE("fewer batches may be ahead than one block holds") {
  const Folder folder;
  for (const bool gathers : {false, true}) {
    LoaderJob job = job_of(five_files(folder), 2, {8, 0, gathers});
    job.options.prefetch = 1;
    job.options.memory = 1;
    CHECK(read(job).batches == expected_batches(range(0, 100), 2));
  }
}

TEST_CASE("many loaders at once do not disturb each other") {
  const Folder folder;
  const auto files = five_files(folder);
  std::vector<std::vector<Rows>> results(6);
  std::vector<std::thread> consumers;
  for (size_t i = 0; i < results.size(); ++i) {
    consumers.emplace_back([&, i] {
      results[i] = read(job_of(files, 8, {3, 64, i % 2 == 1})).batches;
    });
  }
  for (std::thread& consumer : consumers) consumer.join();
  for (const auto& batches : results) CHECK(batches == expected_batches(range(0, 100), 8));
}

TEST_CASE("anybody may look at the figures meanwhile") {
  const Folder folder;
  Loader loader(job_of(five_files(folder), 4, {4, 64}));
  std::atomic<bool> done{false};
  std::thread observer([&] {
    while (!done) {
      const LoaderStats stats = loader.stats();
      if (stats.records > 100 || stats.threads > 4) std::abort();
    }
  });
  const Reading reading = read(loader);
  done = true;
  observer.join();
  CHECK(reading.batches == expected_batches(range(0, 100), 4));
}
