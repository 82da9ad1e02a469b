// Allocations: none for a record or a value once memory has its size. An executable of its own, for
// it replaces operator new.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "cells.h"
#include "files.h"
#include "index_build.h"
#include "loader.h"
#include "numbered.h"
#include "record.h"
#include "scan.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

std::atomic<size_t> allocations{0};

void* counted(size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace {

size_t allocations_of(const auto& work) {
  const size_t before = allocations;
  work();
  return allocations - before;
}

}  // namespace

TEST_CASE("walking and checking records allocates nothing") {
  const Folder folder;
  const auto source = open_local(folder.write("file", numbered_examples(range(0, 500))));
  Piece piece;
  std::vector<ByteView> records;
  for (const OnCorruption policy : {OnCorruption::kRaise, OnCorruption::kSkip}) {
    const auto walk = [&] {
      records.clear();
      Damage damage;
      piece.forget();
      source->fetch(piece, 0, source->size() / 2);
      scan_records(*source, piece, 0, source->size(), 0, policy, true, records, damage);
      REQUIRE(records.size() == 500);
    };
    walk();
    CHECK(allocations_of(walk) == 0);
  }
}

TEST_CASE("measuring and storing cells allocates nothing") {
  const auto schema = numbered_schema();
  const std::vector<std::string> examples = numbered_examples(range(0, 500));
  std::string block;
  for (const std::string& example : examples) block += example;
  block.append(kSlop, '\0');
  std::vector<ByteView> records;
  const auto* at = reinterpret_cast<const uint8_t*>(block.data());
  for (const std::string& example : examples) {
    records.push_back({at, example.size()});
    at += example.size();
  }
  const Cells::RowOf row_of = [](size_t record) { return ExactParser::Row{.index = record}; };
  for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
    Cells cells(schema, mode);
    cells.locate(records, row_of);
    cells.measure();
    const auto layout = std::make_shared<BatchLayout>(schema->columns(), records.size(), true);
    Batch batch(layout);
    batch.open();
    std::vector<Batch::Places> places(schema->size());
    for (size_t c = 0; c < schema->size(); ++c) {
      if (BatchLayout::grows(schema->columns()[c])) {
        places[c] = batch.reserve(c, cells.amount(c, 0, records.size()), records.size());
      }
    }
    const auto parse = [&] {
      cells.locate(records, row_of);
      cells.measure();
      for (size_t c = 0; c < schema->size(); ++c) {
        if (BatchLayout::grows(schema->columns()[c])) cells.amount(c, 0, records.size());
      }
      batch.store(cells, 0, records.size(), 0, places);
    };
    parse();
    CHECK(allocations_of(parse) == 0);
    CHECK(cells.slow_records() == 0);
  }
}

TEST_CASE("a loader allocates for batches, not for records") {
  const Folder folder;
  constexpr int64_t kRecords = 20'000, kBatches = 20;
  const std::string file = folder.write("file", numbered_examples(range(0, kRecords)));
  for (const bool gathers : {false, true}) {
    CAPTURE(gathers);
    LoaderJob job;
    job.files = {file};
    job.schema = numbered_schema();
    job.batch_size = kRecords / kBatches;
    job.options.threads = 2;
    job.options.prefetch = 2;
    job.verbs = {{Verb::kRepeat, 3}};
    if (gathers) job.verbs.push_back({Verb::kShuffle, 100});
    Loader loader(job);
    const auto pass = [&] {
      for (int64_t i = 0; i < kBatches; ++i) {
        REQUIRE(loader.next(std::chrono::seconds(60)).outcome == Outbox::Outcome::kBatch);
      }
    };
    pass();
    CHECK(allocations_of(pass) < 60 * kBatches);  // batches, their arrays, blocks
  }
}

TEST_CASE("a whole shuffle from mapped files allocates for batches, not for records") {
  const Folder folder;
  constexpr size_t kRecords = 20'000, kBatches = 20;
  LoaderJob job;
  job.files = {folder.write("file", Records(kRecords, std::string(500, 'x')))};
  job.index = build_index({job.files, OnCorruption::kRaise, 1}, [] { return true; });
  job.batch_size = kRecords / kBatches;
  job.options.threads = 2;
  job.options.prefetch = 2;
  job.verbs = {{Verb::kShuffleAll}, {Verb::kRepeat, 4}};
  Loader loader(job);
  const auto pass = [&] {
    for (size_t i = 0; i < kBatches; ++i) {
      REQUIRE(loader.next(std::chrono::seconds(60)).outcome == Outbox::Outcome::kBatch);
    }
  };
  pass();
  pass();
  CHECK(allocations_of(pass) < 60 * kBatches);
}
