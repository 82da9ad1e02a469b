// RowParser: the rows of a batch, parsed by one thread from wherever their records lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "batch.h"
#include "filler.h"
#include "pipeline.h"

namespace headrace {

// A batch all of whose rows are known.
struct RowJob {
  struct Row {
    const uint8_t* data;
    uint32_t size, segment, index;  // the segment and the place in it that its record is lent from
  };
  Batch* batch = nullptr;
  std::vector<Row> rows;
};

// Of one thread. Scratch, reused.
class RowParser {
 public:
  RowParser(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Stopwatch& watch)
      : filler_(job, std::move(layout)), watch_(watch) {}

  void parse(const RowJob& job, const std::function<Provenance(const RowJob::Row&)>& provenance);

  // What can be given back when the job is done: so many records of a segment. Until the next.
  struct Lent {
    uint32_t segment, records;
  };
  std::span<const Lent> lent() const { return lent_; }

  // Records that took the slow path since the last call.
  uint64_t take_slow_records() { return filler_.take_slow_records(); }

 private:
  void count(const RowJob& job);

  Filler filler_;
  Stopwatch& watch_;
  std::vector<ByteView> records_;
  std::vector<Lent> lent_;
  std::vector<uint32_t> counts_;  // by segment; zeros between jobs
};

}  // namespace headrace
