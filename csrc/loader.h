// Loader: one pass over a plan. Owns the threads, joins them, hands out batches in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batch.h"
#include "outbox.h"
#include "plan.h"
#include "position.h"
#include "scan.h"
#include "schema.h"

namespace headrace {

// How, not what: no value depends on it.
struct LoaderOptions {
  int threads = 0;          // 0: as many as there are CPUs for this process
  uint64_t memory = 0;      // bytes of batches ahead of the consumer; 0: a default
  uint64_t prefetch = 0;    // batches ahead of the consumer; 0: as many as fit
  bool verify = true;       // checksums of the data (those of lengths are always verified)
  uint64_t block_size = 0;  // bytes of a file that a thread takes at a time; 0: a default
};

struct LoaderJob {
  std::vector<std::string> files;
  std::shared_ptr<const Schema> schema;  // null: records as they are, one column of strings
  std::vector<Verb> verbs;
  size_t batch_size = 1;
  bool drop_remainder = false;
  // Single examples: batches are only a vehicle; one with a failure is cut there, not dropped, and
  // sequences are not padded.
  bool single = false;
  OnCorruption on_corruption = OnCorruption::kRaise;
  LoaderOptions options;
};

struct LoaderStats {
  uint64_t records = 0;       // delivered to batches
  uint64_t slow_records = 0;  // parsed by the exact grammar
  uint64_t bytes_read = 0;
  int threads = 0;
  Damage damage;
};

class Loader {
 public:
  // Throws Error{kSystem} for a file that cannot be read. Starts no thread.
  explicit Loader(LoaderJob job);
  ~Loader();
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
  // stream, again at each call; under kTf the stream may go on behind it. One thread at a time.
  Delivery next(std::chrono::milliseconds patience);

  // Behind the last batch that next() returned whole.
  const Position& position() const;

  const std::vector<uint64_t>& file_sizes() const;
  LoaderStats stats() const;

  // Stops and joins the threads; next() then says kEnd. From any thread.
  void close();

 private:
  class Pass;
  std::unique_ptr<Pass> pass_;
};

}  // namespace headrace
