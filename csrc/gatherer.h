// Gatherer: records in an order of their own, parsed a batch at a time from wherever they lie.
//
// Blocks of files are read and checked in parallel; one thread at a time has the order, in which
// their records pass the verbs and the window of a shuffle and become rows; a batch whose rows are
// all known is parsed by one thread. Large rows of fixed size are placed: parsed when they come in
// (placer.h). A thread that cannot have the order does something else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mixer.h"
#include "pipeline.h"
#include "placer.h"
#include "row_parser.h"
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
  using Lock = std::unique_lock<std::mutex>;

  // Batches whose rows are known and that nobody parses yet. Few: their records are in a cache.
  static constexpr size_t kEnoughJobs = 2;
  static constexpr size_t kEnoughPlaceJobs = 4;  // that wait for the threads that have them cached

  bool have_order(Lock& lock);
  void parse(RowParser& parser, Lock& lock);
  bool place(RowParser& parser, size_t most, Lock& lock);
  void fetch(std::unique_ptr<Streams::Errand> errand, RowParser& parser, Lock& lock);
  void wait(Lock& lock);
  void wake_one();
  Provenance provenance(const RowJob::Row& row);

  // With the order: gatherer_order.cc.
  void advance();
  bool has_room();
  Streams::Next next();
  void feed();
  void meet(RecordBlock& block);
  Window::Entry place(const Window::Entry& record, const RecordBlock& block);
  void hand_out_placed();
  bool placing();
  size_t room() const;
  Plan::Step next_out(size_t available);
  template <class Next>
  void emit(const Plan::Step& step, Next next);
  void emitted();
  void settle();
  void after_input(Plan::Step step);
  void after_output(Plan::Step step);
  void begin_pass();
  void restart();
  void open_batch();
  void close_batch(bool drop);
  void fail(Error error);
  void end_stream();
  void set_mark();

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  const ShuffleParts parts_;
  const uint64_t most_kept_;  // bytes of the window in memory
  FrameReader reader_;
  Placer placer_;  // the order's

  // Held for short moments only, also by who has the order. What it guards:
  mutable std::mutex mutex_;
  std::condition_variable work_;
  size_t waiting_ = 0;  // threads
  bool stopped_ = false;
  bool news_ = true;  // the order may get further than it has
  bool done_ = false;
  Streams streams_;  // but for what is the order's
  std::deque<std::unique_ptr<RowJob>> jobs_;
  std::vector<std::unique_ptr<PlaceJob>> place_jobs_, spare_place_jobs_;
  std::deque<bool> placed_;  // of the jobs from number done_placing_ on: whether they are done
  uint64_t done_placing_ = 0;
  std::deque<std::pair<uint64_t, Batch*>> unplaced_;  // closed, held until so many jobs are done
  std::vector<std::unique_ptr<RowJob>> spare_jobs_;
  std::vector<RowParser::Lent> returned_;  // to the window, by threads that do not have the order
  uint64_t records_ = 0, slow_records_ = 0, bytes_read_again_ = 0;

  std::atomic<bool> no_room_{false};  // the order waits for the consumer

  // The order: all that follows. Never waited for but by an error.
  std::mutex order_;
  Plan inner_;  // before the shuffle
  Plan outer_;  // behind it
  bool outer_has_verbs_;
  Mixer mixer_;
  uint64_t first_draw_ = 0;  // what the number of a draw is counted from to be that of a row
  uint64_t pass_ = 0;
  uint64_t accepted_ = 0;   // records at the head of the source that the inner plan lets pass
  size_t untold_ = 0;       // of those, taken here but not yet from the streams
  bool draining_ = false;   // the shuffle's input has ended,
  bool displaced_ = false;  // and what is placed is elsewhere than it should be
  bool ended_ = false;
  bool enough_ = false;  // jobs to be done, for now
  Batch* batch_ = nullptr;
  std::unique_ptr<RowJob> open_job_;  // its rows
  uint64_t open_bytes_ = 0;           // of their records
  uint64_t largest_ = 1;              // of all records so far, if they are wanted one by one
  std::vector<RowParser::Lent> taken_back_;
};

}  // namespace headrace
