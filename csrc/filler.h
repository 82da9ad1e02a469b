// Filler: records from anywhere into consecutive rows of a batch that one thread fills alone, or
// into rows anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch.h"
#include "cells.h"
#include "outline.h"
#include "pipeline.h"
#include "stopwatch.h"

namespace headrace {

// Where a record came from, for its error.
struct Provenance {
  std::string path;
  int64_t ordinal, offset;

  Error parse_error(const ParseError& error) const;
};

// Of one thread. Scratch, reused.
class Filler {
 public:
  // As much as is best filled at a time: it stays in the cache.
  static constexpr size_t kGroupBytes = size_t{256} << 10, kGroupRows = 4096;

  Filler(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout);

  // Parses the records, if the job has a schema, into rows [first, first + n) of the batch, whose
  // earlier rows have been filled before. What does not parse fails its row. `outline`, unless it
  // is null, brings what the records do not have in memory; false if that is not enough: then
  // nothing has been done.
  struct Outlined {
    Outline& outline;
    std::span<const Outline::Origin> origins;
  };
  bool fill(Batch& batch, size_t first, std::span<const ByteView> records, Stopwatch& watch,
            const std::function<Provenance(size_t record)>& provenance,
            const Outlined* outlined = nullptr);

  // The same for rows of any batches whose columns do not grow.
  struct Target {
    Batch* batch;
    size_t row;
  };
  void place(std::span<const Target> targets, std::span<const ByteView> records, Stopwatch& watch,
             const std::function<Provenance(size_t record)>& provenance);

  // Records that took the slow path since the last call.
  uint64_t take_slow_records();

 private:
  void find(std::span<const ByteView> records, const Cells::RowOf& row_of, Lap& lap);

  const std::shared_ptr<const BatchLayout> layout_;
  std::optional<Cells> cells_;
  std::vector<Batch::Places> places_;
  std::vector<uint8_t*> rows_;
  uint64_t slow_ = 0;
};

}  // namespace headrace
