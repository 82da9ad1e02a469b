// Picker: records chosen by their ordinals, through an index; only these are read.
//
// A shuffle of everything, even shards, and shards or skips that need not read what they leave out.
// Under one lock, batches are planned: the numbers of their records, and where the stream goes on
// behind them. One thread parses a batch. It also finds and reads its records, unless they are so
// many and so small that those of many batches are better read together, by all threads (lot.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fetcher.h"
#include "filler.h"
#include "lot.h"
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
  struct Planned {
    size_t first, rows;  // in its lot
    Position end;
    bool drop;
  };
  enum class Round : uint8_t { kNumber, kRead, kParse };
  struct Share {  // of the stream: batches that are planned at a time
    Lot lot;
    std::vector<Planned> batches;
    Round round = Round::kParse;
    bool together = false;         // read as one lot
    size_t claimed = 0, done = 0;  // tasks of this round

    size_t tasks() const {
      return round == Round::kNumber ? lot.slices()
             : round == Round::kRead ? lot.stretches()
                                     : batches.size();
    }
  };
  struct Task {
    Share* share = nullptr;
    Round round{};
    size_t number = 0;       // of its round
    Batch* batch = nullptr;  // to be parsed
  };
  struct Worker {
    Filler filler;
    Outline outline;
    Lot::Scratch scratch;
    std::vector<EvenPlace> places;
    size_t rest = 0;  // so many groups are not tried by their outline
  };

  bool claim(Task& task);
  void finish(const Task& task);
  void perform(const Task& task, Worker& worker);

  void plan();
  void go_on(Plan::Step step);
  void close_batch(Share& share, size_t rows, bool drop);
  bool all_opened() const;

  void fill(const Task& task, Worker& worker);
  void parse(const Task& task, Worker& worker);
  bool fetch_and_parse(const Task& task, Worker& worker, size_t first, size_t n);
  Provenance provenance(const Lot::Scratch& scratch, size_t record) const;
  bool is_large() const;
  std::optional<bool> outline_and_parse(const Task& task, Worker& worker, size_t first);

  const LoaderJob& job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Outbox& outbox_;
  const Selection selection_;
  Fetcher fetcher_;
  std::vector<uint64_t> sizes_;
  uint64_t bytes_ = 0, average_ = 1;  // of all files, and of a record
  size_t most_rows_;                  // of a lot
  std::atomic<uint64_t> bytes_read_{0};

  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable work_;
  bool stopped_ = false;
  bool ended_ = false;  // nothing more to be planned
  Plan outer_;
  uint64_t iteration_ = 0;
  uint64_t next_ = 0;  // number in the iteration
  std::shared_ptr<const Selection::Order> order_;
  std::deque<std::unique_ptr<Share>> shares_;  // in order, two at most; behind a lot none
  std::vector<std::unique_ptr<Share>> spare_shares_;
  size_t batches_at_a_time_ = 1;
  uint64_t records_ = 0, slow_records_ = 0;
};

}  // namespace headrace
