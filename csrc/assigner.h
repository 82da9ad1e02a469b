// Assigner: the boundary turn. Finds the records of a block and gives the wanted ones their rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "batch.h"
#include "blocks.h"
#include "outbox.h"
#include "pipeline.h"
#include "plan.h"
#include "position.h"
#include "scan.h"

namespace headrace {

// Consecutive records of a block that go to consecutive rows of one batch.
struct Run {
  size_t first, n;   // of the wanted records
  uint64_t ordinal;  // of the first in its file
  size_t row;
  Batch* batch;  // held until it is released to the outbox
};

// What a thread has of its block. Scratch, reused.
struct Haul {
  Walker walk = walk_records;  // another one: only what it reads is read before it is known which
                               // records are wanted
  uint64_t record_size = 0;    // of the last records found, on the average
  Piece piece;
  std::vector<ByteView> records;  // the wanted ones, in the piece
  std::vector<Run> runs;

  // Where a record begins in its file, with its length.
  int64_t offset_of(const ByteView& record) const;

  // Whether the piece has all of the record.
  bool holds(const ByteView& record) const;

  // Whether it has nothing but what the walk has read.
  bool is_outline() const { return piece.bytes.size == 0; }
};

// Called for one block after another, in the order of their tickets.
class Assigner {
 public:
  Assigner(const LoaderJob& job, Blocks& blocks, Outbox& outbox);

  // The stream goes on here. Ends it at once if nothing follows. Before the first assign().
  void start_at(const Position& position);
  Position beginning() const;

  // The piece holds the block's bytes, or at least its first. False if there was no room for all
  // that begins in the block: then the rest is for the next call.
  bool assign(const Block& block, Haul& haul);

  // Whether earlier records reach over the whole block, so that it need not be read. Any thread; a
  // hint that may come late.
  bool reaches_over(const Block& block) const;

  // What the policy has passed over. Any thread.
  Damage damage() const;

 private:
  uint64_t limit(const Block& block, const Haul& haul) const;
  std::optional<Error> offer(const Block& block, Haul& haul);
  size_t room(std::span<const ByteView> records) const;
  void go_on(Plan::Step step);
  void close_batch(bool drop);
  void fail(const Block& block, const Error& error);
  void end_stream();

  const LoaderJob& job_;
  Blocks& blocks_;
  Outbox& outbox_;
  Plan plan_;
  Position at_;                                // the next record
  Batch* batch_ = nullptr;                     // the open one
  size_t row_ = 0;                             // its next row
  uint64_t batch_bytes_ = 0;                   // of its records
  uint64_t record_size_ = 0;                   // of the last ones found, on the average
  std::atomic<uint64_t> file_{0}, offset_{0};  // at_, for reaches_over()
  std::atomic<uint64_t> places_{0}, bytes_{0}, files_{0};
};

}  // namespace headrace
