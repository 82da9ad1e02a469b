// Pipeline: what the threads of a loader do; one for each way of getting at the records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "batch.h"
#include "index.h"
#include "outbox.h"
#include "plan.h"
#include "position.h"
#include "scan.h"
#include "schema.h"

namespace headrace {

// How, not what: no value depends on it.
struct LoaderOptions {
  int threads = 0;            // 0: as many as there are CPUs for this process
  uint64_t memory = 0;        // bytes of batches ahead of the consumer; 0: a default
  uint64_t prefetch = 0;      // batches ahead of the consumer; 0: as many as fit
  bool verify = true;         // checksums of the data (those of lengths are always verified)
  bool locked_pages = false;  // of batches
  bool map_files = true;      // large values may be copied from mapped files
  uint64_t block_size = 0;    // bytes of a file that a thread takes at a time; 0: a default
  uint64_t least_placed = 0;  // bytes of a row of a window that may be placed ahead; 0: a default
};

// tf.data's interleaving of the files; one slot: one file after another.
struct Interleaving {
  uint64_t slots = 1;
  uint64_t turn_length = UINT64_MAX;
  bool fill_on_visit = true;  // Dataset.interleave; false: num_parallel_reads
};

struct LoaderJob {
  std::vector<std::string> files;
  Interleaving interleaving;
  std::shared_ptr<const Schema> schema;     // null: records as they are, one column of strings,
  std::optional<SequenceSchema> sequences;  // or, if they can be that, SequenceExamples
  std::vector<Verb> verbs;
  size_t batch_size = 1;
  bool drop_remainder = false;
  // Single examples: batches are only a vehicle; one with a failure is cut there, not dropped, and
  // sequences are not padded. It also ends with the record with which it has kVehicle bytes of
  // them.
  bool single = false;
  static constexpr uint64_t kVehicle = uint64_t{4} << 20;
  bool is_full(size_t rows, uint64_t bytes) const {
    return rows == batch_size || (single && bytes >= kVehicle);
  }
  OnCorruption on_corruption = OnCorruption::kRaise;
  std::shared_ptr<const Index> index;  // of the files; the verbs may then choose records by it
  LoaderOptions options;

  uint64_t block_size(uint64_t otherwise) const {
    return options.block_size != 0 ? options.block_size : otherwise;
  }
  bool may_repeat() const;
  // Whether the stream goes on behind this error: only TensorFlow's does, but not if there is no
  // such file.
  bool goes_on_behind(const Error& error) const;
};

struct LoaderStats {
  uint64_t records = 0;       // delivered to batches
  uint64_t slow_records = 0;  // parsed by the exact grammar
  uint64_t bytes_read = 0;
  int threads = 0;
  double elapsed = 0;  // seconds from the first next() to the end of the last
  Damage damage;
};

// Fills the batches of an outbox in the order of the job's verbs.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  virtual const std::vector<uint64_t>& file_sizes() const = 0;
  virtual Position beginning() const = 0;
  virtual bool contains(const Position& position) const = 0;

  // Before the first work().
  virtual void start_at(const Position& position) = 0;

  // The life of one of several threads; returns when the stream has ended or stop() was called.
  // What it throws ends the stream.
  virtual void work() = 0;
  virtual void stop() = 0;
  virtual void join() {}  // behind stop() and the last work(): its own threads have ended

  virtual void batch_taken() {}  // there may be room in the outbox

  virtual LoaderStats stats() const = 0;  // any thread
};

}  // namespace headrace
