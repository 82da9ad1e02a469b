// Gatherer: records in an order of their own, parsed a batch at a time from wherever they lie.
//
// Blocks of files are read and checked in parallel; under one lock their records pass, in the order
// of the source, the verbs and the window of a shuffle, and become rows; a batch whose rows are all
// known is parsed by one thread, without the lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "filler.h"
#include "pipeline.h"
#include "shuffle.h"
#include "streams.h"
#include "window.h"

namespace headrace {

class Gatherer final : public Pipeline {
 public:
  // Throws Error{kSystem} for a file that cannot be read. The job and the outbox must outlive it.
  Gatherer(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox);

  const std::vector<uint64_t>& file_sizes() const override { return streams_.sizes(); }
  Position beginning() const override;
  bool contains(const Position& position) const override;
  void start_at(const Position& position) override;
  void work() override;
  void stop() override;
  void batch_taken() override;
  LoaderStats stats() const override;

 private:
  // A record on its way to a batch.
  struct Row {
    ByteView data;
    uint32_t segment;
    uint64_t file, ordinal, offset;
  };
  struct Job {
    Batch* batch = nullptr;
    std::vector<Row> rows;
    std::vector<ByteView> records;  // scratch of who parses it
  };
  // Where the source was when records began to arrive that may still live: a restart begins at the
  // oldest mark with a live record.
  struct Mark {
    Position at;
    uint32_t live = 0;
  };
  struct Origin {  // of the records of a block
    uint64_t file, offset, ordinal;
    uint32_t live;  // records, and one while the block is arriving
  };
  struct Arriving {
    uint32_t segment, origin;
  };
  // While the window is being filled again after a restart.
  struct Refill {
    struct Wanted {
      uint64_t input, place;
    };
    std::vector<Wanted> wanted;  // by number of the input
    size_t next = 0;
    uint64_t until = 0;  // input numbers below are not new
  };

  void advance();
  void feed();
  void meet(RecordBlock& block);
  uint32_t keep(RecordBlock& block, const ByteView& record);
  void emit(uint32_t record);
  void discard(uint32_t record);
  Window::Entry take(uint32_t record);
  void settle();
  void after_input(Plan::Step step);
  void after_output(Plan::Step step);
  void restart();
  void close_batch(bool drop);
  void fail(Error error);
  void end_stream();
  void set_mark();
  void let_go(const Arriving& arriving);
  void let_go_all();

  void gather(Job& job, Filler& filler);

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  const Verb* shuffle_verb_ = nullptr;

  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable work_;
  bool stopped_ = false;
  Streams streams_;
  Plan inner_;              // before the shuffle
  Plan outer_;              // behind it
  bool outer_has_verbs_;
  std::optional<Shuffle> shuffle_;
  bool large_ = false;  // the window does not stay in a core's cache
  Window window_;
  Refill refill_;
  uint64_t pass_ = 0, iteration_ = 0;
  uint64_t input_ = 0;      // records that have gone into the shuffle in this iteration
  uint64_t accepted_ = 0;   // records at the head of the source that the inner plan lets pass
  size_t untold_ = 0;       // of those, taken here but not yet from the streams
  bool draining_ = false;   // the shuffle's input has ended
  bool ended_ = false;
  std::deque<Mark> marks_;
  uint32_t first_mark_ = 0;
  std::deque<Origin> origins_;
  uint32_t first_origin_ = 0;
  std::vector<Arriving> arriving_;  // blocks of which records are still to come
  Batch* batch_ = nullptr;
  std::unique_ptr<Job> open_job_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::vector<std::unique_ptr<Job>> spare_jobs_;
  uint64_t records_ = 0, slow_records_ = 0;
};

}  // namespace headrace
