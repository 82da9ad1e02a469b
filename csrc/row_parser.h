// RowParser: rows of batches, parsed by one thread from wherever their records lie, in memory or in
// files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "batch.h"
#include "filler.h"
#include "frame_reader.h"
#include "pipeline.h"
#include "window.h"

namespace headrace {

// A batch all of whose rows are known.
struct RowJob {
  struct Row {
    const uint8_t* data;                // null: the record is to be read again
    uint32_t size, segment, index, at;  // the segment and the place in it that it is lent from;
                                        // Window::kNone: it is placed already
  };
  Batch* batch = nullptr;
  std::vector<Row> rows;
  bool has_placed = false;
  std::vector<FramePlace> places;  // of the records to be read again, in the order of their rows
};

// Records of a block whose rows are known before their batches are due.
struct PlaceJob {
  struct Row {
    uint32_t at, size, index;  // in the block
    uint32_t row;
    Batch* batch;
  };
  std::vector<Row> rows;
  std::shared_ptr<Buffer> memory;  // of the block
  const uint8_t* begin = nullptr;  // there, a record that would be at 0,
  Window::Origin origin{};         // and where that would come from
  uint64_t number = 0;             // of jobs
  const void* reader = nullptr;    // of the block
};

// Of one thread. Scratch, reused.
class RowParser {
 public:
  // The reader and the watch must outlive it.
  RowParser(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, FrameReader& reader,
            Stopwatch& watch)
      : filler_(job, std::move(layout)), reader_(reader), watch_(watch) {}

  // A record that cannot be read again as it was fails its row, as one that does not parse does.
  using ProvenanceOf = std::function<Provenance(const RowJob::Row&)>;
  void parse(const RowJob& job, const ProvenanceOf& provenance);
  // Gives the memory of the job up, and keeps it for the next block, if nobody else has it.
  void place(PlaceJob& job);
  Buffer take_memory() { return std::move(memory_); }

  // What can be given back when the job is done: so many records of a segment. Until the next.
  struct Lent {
    uint32_t segment, records;
  };
  std::span<const Lent> lent() const { return lent_; }

  // Since the last call: records that took the slow path, bytes that were read again.
  uint64_t take_slow_records() { return filler_.take_slow_records(); }
  uint64_t take_bytes_read() { return std::exchange(bytes_read_, 0); }

 private:
  void count(const RowJob& job);
  template <class RowOf, class From>
  void read_again(Batch& batch, const RowOf& row_of, const From& from);

  Filler filler_;
  FrameReader& reader_;
  Stopwatch& watch_;
  std::vector<ByteView> records_;        // of a group of rows
  std::vector<Filler::Target> targets_;  // these
  std::vector<size_t> missing_;          // of the records
  Buffer memory_;
  Frames frames_;
  uint64_t bytes_read_ = 0;
  std::vector<Lent> lent_;
  std::vector<uint32_t> counts_;  // by segment; zeros between jobs
};

}  // namespace headrace
