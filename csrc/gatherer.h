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
#include "mixer.h"
#include "pipeline.h"
#include "streams.h"

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
    const uint8_t* data;
    uint32_t size, segment, index;
  };
  struct Job {
    Batch* batch = nullptr;
    std::vector<Row> rows;
  };
  struct Worker {
    Filler filler;
    std::vector<ByteView> records;
    std::vector<uint32_t> counts;    // by segment
    std::vector<uint32_t> segments;  // whose count is not 0
  };

  void advance();
  void feed();
  void meet(RecordBlock& block);
  void emit(const Window::Entry& record);
  void settle();
  void after_input(Plan::Step step);
  void after_output(Plan::Step step);
  void restart();
  void close_batch(bool drop);
  void fail(Error error);
  void end_stream();
  void set_mark();

  void gather(const Job& job, Worker& worker);
  Provenance provenance(const Row& row);

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  const ShuffleParts parts_;

  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable work_;
  bool stopped_ = false;
  Streams streams_;
  Plan inner_;  // before the shuffle
  Plan outer_;  // behind it
  bool outer_has_verbs_;
  Mixer mixer_;
  uint64_t pass_ = 0;
  uint64_t accepted_ = 0;  // records at the head of the source that the inner plan lets pass
  size_t untold_ = 0;      // of those, taken here but not yet from the streams
  bool draining_ = false;  // the shuffle's input has ended
  bool ended_ = false;
  Batch* batch_ = nullptr;
  std::unique_ptr<Job> open_job_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::vector<std::unique_ptr<Job>> spare_jobs_;
  uint64_t records_ = 0, slow_records_ = 0;
};

}  // namespace headrace
