// Picker: records chosen by their ordinals, through an index; only these are read.
//
// A shuffle of everything, even shards, and shards or skips that need not read what they leave out.
// Under one lock, batches are opened and get the numbers of their records; one thread reads and
// parses a batch.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "fetcher.h"
#include "filler.h"
#include "pipeline.h"
#include "selection.h"

namespace headrace {

class Picker final : public Pipeline {
 public:
  // The job has an index, and verbs that a selection and a plan can do. The job and the outbox must
  // outlive it. Throws Error{kDataLoss} if the files are not those of the index.
  Picker(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox);

  const std::vector<uint64_t>& file_sizes() const override { return sizes_; }
  Position beginning() const override;
  bool contains(const Position& position) const override;
  void start_at(const Position& position) override;
  void work() override;
  void stop() override;
  void batch_taken() override;
  LoaderStats stats() const override;

 private:
  // Numbers [first, first + n) of an order, to consecutive rows.
  struct Run {
    std::shared_ptr<const Selection::Order> order;
    uint64_t first, n;
  };
  struct Job {
    Batch* batch = nullptr;
    std::vector<Run> runs;
  };
  struct Worker {
    Filler filler;
    Fetched fetched;
    std::vector<uint64_t> ordinals;
    std::vector<uint8_t> valid;
  };

  bool next_job(Job& job);
  void go_on(Plan::Step step);
  void close_batch(bool drop);
  void fill(Job& job, Worker& worker);
  bool store(Job& job, Worker& worker, size_t first, size_t n);

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  const Selection selection_;
  Fetcher fetcher_;
  std::vector<uint64_t> sizes_;

  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable work_;
  bool stopped_ = false;
  bool ended_ = false;
  Plan outer_;
  uint64_t iteration_ = 0;
  uint64_t next_ = 0;  // number in the iteration
  std::shared_ptr<const Selection::Order> order_;
  Job open_;  // of the batch that is being given its records
  uint64_t rows_ = 0;
  uint64_t records_ = 0, slow_records_ = 0, bytes_read_ = 0;
};

}  // namespace headrace
