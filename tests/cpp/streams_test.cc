// Stories of the streams: blocks read ahead by hand, taken in steps that end where a batch would.
#include "streams.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer.h"
#include "files.h"
#include "loader.h"
#include "record.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

Records numbered_records(size_t n, size_t size) {
  Records records;
  for (size_t i = 0; i < n; ++i) {
    records.push_back(std::to_string(i));
    records.back().resize(size, '.');
  }
  return records;
}

// Reads whatever is wanted.
void read_ahead(Streams& streams) {
  while (std::unique_ptr<Streams::Errand> errand = streams.claim()) {
    if (!errand->have_bytes) {
      errand->read();
      if (!streams.arrive(errand)) continue;
    }
    errand->frame();
    streams.framed(*errand);
    errand->complete();
    errand->check();
    streams.deliver(std::move(errand));
  }
}

}  // namespace

TEST_CASE("a block is taken in steps, and known to be over with the last") {
  const Folder folder;
  const Records records = numbered_records(100, 50);
  Streams streams({folder.write("file", records)},
                  {.turn_length = UINT64_MAX, .block_size = 1000, .ahead = 8});
  streams.begin_pass(0);
  Records taken;
  size_t blocks = 0;
  for (;;) {
    read_ahead(streams);
    if (streams.next() == Streams::Next::kEnd) break;
    REQUIRE(streams.have_records());
    const RecordBlock& block = *streams.block();
    ++blocks;
    const size_t n = block.records.size();
    REQUIRE(n > 3);
    CHECK(streams.first() == 0);
    for (const size_t step : {size_t{1}, size_t{2}, n - 3}) {
      REQUIRE(streams.have_records());
      CHECK(streams.block() == &block);
      CHECK(streams.available() == n - streams.first());
      for (size_t i = 0; i < step; ++i) {
        taken.emplace_back(block.records[streams.first() + i].text());
      }
      const size_t first = streams.first();
      streams.take(step);
      CHECK(streams.first() == first + step);
      CHECK(streams.available() == n - first - step);
      Position position;
      streams.tell(position);
      CHECK(position.ordinal == taken.size());
      CHECK(position.offset == taken.size() * (50 + kFrameSize));
    }
    CHECK(streams.first() == n);
    CHECK_FALSE(streams.have_records());
  }
  CHECK(taken == records);
  CHECK(blocks > 5);
}

TEST_CASE("blocks that batches end in are given back within a pass") {
  const Folder folder;
  constexpr size_t kBlocks = 400, kBlock = 16 << 10, kRecord = 1000;
  LoaderJob job;
  job.files = {folder.write("file", numbered_records(kBlocks * kBlock / kRecord, kRecord))};
  job.verbs = {{Verb::kShuffle, 20}};
  job.batch_size = 7;
  job.options.threads = 2;
  job.options.prefetch = 2;
  job.options.block_size = kBlock;
  const size_t before = pool_stats().in_use;
  Loader loader(job);
  size_t rows = 0, most = 0;
  for (;;) {
    const Loader::Delivery delivery = loader.next(std::chrono::seconds(60));
    if (delivery.outcome == Outbox::Outcome::kEnd) break;
    REQUIRE(delivery.outcome == Outbox::Outcome::kBatch);
    rows += delivery.batch->rows();
    most = std::max(most, pool_stats().in_use - before);
  }
  CHECK(rows == kBlocks * kBlock / kRecord);
  CHECK(most < kBlocks * kBlock / 4);
}
