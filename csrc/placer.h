// Placer: gives records of a window their rows in batches that are still to come.
//
// The draws of a shuffle are known ahead, so a record can be parsed as it comes in, while it is in
// a core's cache, into the row of the batch that it will be drawn for. It goes through memory once,
// not by way of the window. Batches are made ahead for that, as many as take what a window of such
// records may: those that would be drawn for later ones wait in the window.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "batch.h"
#include "block_read.h"
#include "outbox.h"
#include "pipeline.h"
#include "plan.h"
#include "row_parser.h"
#include "window.h"

namespace headrace {

// Of the order: one thread at a time.
class Placer {
 public:
  // The job, its shuffle (null: none) and the outbox must outlive it.
  Placer(const LoaderJob& job, const ShuffleParts& parts, const BatchLayout& layout,
         Outbox& outbox);

  // Draws ahead; 0: nothing is placed. Where columns grow, the place of a value depends on others
  // that are still to come; small records are better parsed a batch at a time.
  uint64_t horizon() const { return horizon_; }

  // Places the record of the block, if there is room for the batch: `row`, counted from the first
  // of `open`, which is the batch that records are drawn for now. Not if is_elsewhere().
  bool place(Batch* open, uint64_t row, const Window& window, const Window::Entry& record,
             const RecordBlock& block);

  // Whether what has been placed since the last take_job() is of another block.
  bool is_elsewhere(const RecordBlock& block) const { return job_ && job_->memory != block.shared; }

  // What has been placed since the last call; null: nothing.
  std::unique_ptr<PlaceJob> take_job() { return std::move(job_); }
  void recycle(std::unique_ptr<PlaceJob> job) { spare_ = std::move(job); }

  // The batch behind the open one becomes the open one. Its rows are written when all jobs are done
  // that there have been until it is closed.
  std::unique_ptr<Batch> next();

  // Batches to come have no rows any more. When all jobs are done.
  void clear() { ahead_.clear(); }

 private:
  uint64_t most_bytes(uint64_t record) const;

  Outbox& outbox_;
  const size_t batch_rows_;
  uint64_t horizon_ = 0;
  uint64_t window_ = 0;  // records
  uint64_t batch_bytes_ = 0;
  uint64_t records_ = 0, bytes_ = 0;          // so far
  std::deque<std::unique_ptr<Batch>> ahead_;  // behind the open one
  std::unique_ptr<PlaceJob> job_, spare_;
};

}  // namespace headrace
