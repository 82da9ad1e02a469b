// Loader: one pass over a dataset. Owns the threads, joins them, hands out batches in order.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "outbox.h"
#include "pipeline.h"

namespace headrace {

// One thread at a time, but for close() and stats().
class Loader {
 public:
  // Checks the job. Throws Error{kSystem} for a file that cannot be read. Starts no thread.
  explicit Loader(LoaderJob job);
  ~Loader() { close(); }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Goes on from here instead of from the beginning. Before the first next(); throws
  // std::invalid_argument if there is no such place.
  void start_at(const Position& position);

  struct Delivery {
    Outbox::Outcome outcome;
    std::unique_ptr<Batch> batch;
  };
  // The next batch, waiting for it no longer than `patience`. Throws the Error of a row or of the
  // stream, again at each call; under kTf the stream may go on behind it.
  Delivery next(std::chrono::milliseconds patience);
  // The same if that neither waits nor throws nor starts anything; null if it might.
  std::unique_ptr<Batch> next_whole();
  // Until next() would not; false: it still would.
  bool wait(std::chrono::milliseconds patience);
  bool ready() { return failure_ || outbox_.ready(); }  // next() would not wait

  // The batch of next() whose arrays have been taken is of use again.
  void recycle(std::unique_ptr<Batch> batch) { outbox_.recycle(std::move(batch)); }

  // Behind the last batch that next() returned whole.
  const Position& position() const { return position_; }

  const std::vector<uint64_t>& file_sizes() const { return pipeline_->file_sizes(); }
  LoaderStats stats() const;
  const Stopwatch& stopwatch() const { return outbox_.stopwatch(); }

  // Stops and joins the threads; next() then says kEnd. From any thread.
  void close();

 private:
  void start();
  void taken();

  const LoaderJob job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox outbox_;
  const std::unique_ptr<Pipeline> pipeline_;

  mutable std::mutex mutex_;  // guards the threads, whoever closes or looks
  std::vector<std::thread> threads_;
  int thread_count_ = 0;
  bool closed_ = false;
  Stopwatch::Clock::time_point begun_;
  std::atomic<Stopwatch::Clock::time_point> latest_;  // of next()

  bool started_ = false;
  Position position_;
  std::optional<Error> failure_;  // raised again and again
};

}  // namespace headrace
