// Outbox: batches in the order in which they were opened, handed out when they are complete.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "batch.h"
#include "position.h"
#include "stopwatch.h"

namespace headrace {

class Outbox {
 public:
  struct Limits {
    uint64_t memory;   // bytes of batches closed and not yet taken, before the next block
    uint64_t batches;  // likewise, their number
  };

  Outbox(std::shared_ptr<const BatchLayout> layout, Limits limits);

  // Records of complete batches that were to be SequenceExamples, but are for the exact grammar.
  uint64_t slow_sequences() const { return slow_sequences_; }

  // Of the loader: its threads' time, and here how long the consumer has waited.
  Stopwatch& stopwatch() { return stopwatch_; }
  const Stopwatch& stopwatch() const { return stopwatch_; }

  // --- by whoever assigns rows, one thread at a time ---

  // Waits while too much has not been taken. Only when all rows that have been assigned will be
  // written without another call: until then their batches are not complete.
  void wait_for_room();
  bool has_room();
  // How many batches may be opened then, before the next look.
  uint64_t portion() const;

  // A new batch, and behind all others, held open for its assigner until close(). One that has
  // been made before may have rows already.
  std::unique_ptr<Batch> make();
  Batch* open(std::unique_ptr<Batch> batch);
  Batch* open() { return open(make()); }

  // The batch has all its rows assigned; the stream goes on at `end`. A dropped one is never handed
  // out, unless it has failed.
  void close(Batch* batch, size_t rows, const Position& end, bool drop);

  // Nothing will be opened any more.
  void end_stream();

  // --- by any thread ---

  // Ends one hold on the batch; the last one completes it.
  void release(Batch* batch);

  // next() rethrows this; wait_for_room() no longer waits.
  void abort(std::exception_ptr error);

  // --- by the consumer ---

  struct Parcel {
    std::unique_ptr<Batch> batch;
    Position end;
  };
  enum class Outcome : uint8_t { kBatch, kEnd, kTimeout };
  Outcome take(std::chrono::milliseconds patience, Parcel& parcel);
  bool take_whole(Parcel& parcel);  // if it neither waits nor has anything else to tell
  bool wait(std::chrono::milliseconds patience);  // until take() would not; false: it still would
  bool ready();                                   // take() would not wait

  // The batch that was taken, whose arrays are elsewhere now, is of use again behind the next one.
  void recycle(std::unique_ptr<Batch> batch) { spent_ = std::move(batch); }

  // Drops all batches. No thread may be writing to one.
  void clear();

 private:
  struct Slot {
    std::unique_ptr<Batch> batch;
    Position end;
    bool complete = false;
    bool dropped = false;
  };

  // With the lock:
  bool room(uint64_t times = 1) const;  // for so many times the batches that are there
  bool takes() const;
  bool worth_waking() const;
  void wake(std::unique_lock<std::mutex>& lock);
  bool wait(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds patience);
  Slot pop();

  const std::shared_ptr<const BatchLayout> layout_;
  const Limits limits_;
  const bool roomy_;
  std::mutex mutex_;
  std::condition_variable ready_;  // the front is complete, or none will come
  std::condition_variable space_;  // one has been taken
  std::deque<Slot> slots_;
  std::vector<std::unique_ptr<Batch>> spare_;
  std::unique_ptr<Batch> spent_;  // the consumer's
  uint64_t opened_ = 0, closed_ = 0, taken_ = 0;
  bool ended_ = false;
  bool aborted_ = false;
  bool waiting_ = false;  // the consumer: only then is it worth a signal,
  bool patient_ = false;  // and for a moment only if there are several
  std::exception_ptr error_;
  std::atomic<uint64_t> slow_sequences_{0};
  Stopwatch stopwatch_;
};

}  // namespace headrace
