// FileOrder: records in the order of the files, each block of a file parsed where it was read.
//
// Blocks are claimed in order, read in parallel, and pass two turns in order. Boundary: which
// records begin here, which rows of which batches are theirs. Commit (only if columns grow): where
// do their values go. Everything else is done side by side.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "assigner.h"
#include "blocks.h"
#include "cells.h"
#include "filler.h"
#include "outline.h"
#include "pipeline.h"
#include "turn.h"

namespace headrace {

class FileOrder final : public Pipeline {
 public:
  // Throws Error{kSystem} for a file that cannot be read. The job and the outbox must outlive it.
  FileOrder(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox);

  const std::vector<uint64_t>& file_sizes() const override { return blocks_.sizes(); }
  Position beginning() const override { return assigner_.beginning(); }
  bool contains(const Position& position) const override;
  void start_at(const Position& position) override { assigner_.start_at(position); }
  void work() override;
  void stop() override;
  void join() override { blocks_.join(); }
  LoaderStats stats() const override;

 private:
  struct Worker {
    explicit Worker(const LoaderOptions& options) : outline(options.verify, options.map_files) {}
    Haul haul;
    Outline outline;
    std::vector<Outline::Origin> origins;
    bool outlined = false;         // values of the haul's records come from there
    uint32_t rest = 0, rests = 0;  // so many blocks are not tried so; of late
    std::vector<Amount> amounts;   // of run r and column c at r * columns + c
    std::vector<Batch::Places> places;
    std::optional<Cells> cells;
    Cells::RowOf row_of;
    uint64_t slack = 4096;  // bytes read behind a block for the end of its last record
  };

  bool process(Block& block, Worker& worker);
  void read(Block& block, Worker& worker);
  void prepare(const Block& block, Worker& worker);
  void measure(const Block& block, Worker& worker, Lap& lap);
  bool outline(const Block& block, Worker& worker, Lap& lap);
  void locate(Worker& worker, Lap& lap);
  size_t verify(const Block& block, Worker& worker);
  void reserve(Worker& worker);
  void store(const Block& block, Worker& worker);
  void fail(const Run& run, size_t record, const Error& error);
  void fail_from(size_t record, const Haul& haul, const Error& error);
  Provenance provenance(size_t record, const Block& block, const Haul& haul) const;

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  Blocks blocks_;
  Turn boundary_;
  Assigner assigner_;  // of the holder of the boundary turn
  Turn commit_;
  std::atomic<uint64_t> records_{0}, slow_records_{0}, bytes_read_{0};
};

}  // namespace headrace
