#include "loader.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "cells.h"
#include "kernels/kernels.h"
#include "record.h"
#include "source.h"
#include "threads.h"
#include "turn.h"

namespace headrace {
namespace {

constexpr uint64_t kBlock = uint64_t{256} << 10;
constexpr uint64_t kLeastSlack = 1024, kMostSlack = uint64_t{64} << 10;
constexpr uint64_t kAhead = uint64_t{64} << 20;  // bytes of batches ahead of the consumer
constexpr size_t kLeastAhead = 2;                // batches, however large

std::vector<Column> columns_of(const Schema* schema) {
  if (schema != nullptr) return schema->columns();
  Column record;  // records as they are: one string a row
  record.kind = Kind::kBytes;
  record.type = Type::kBytes;
  return {record};
}

// No signal of the process is handled on our threads: Python wants them on its own.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

// The unit of work is a block: a range of one file. Blocks are claimed in order, read in parallel,
// and pass two turns in order. Boundary: where does the first record begin, which records are
// wanted, which rows of which batches are theirs. Commit (only if columns grow): where do their
// values go. Everything else is done side by side.
class Loader::Pass {
 public:
  explicit Pass(LoaderJob job);
  ~Pass() { close(); }

  void start_at(const Position& position);
  Delivery next(std::chrono::milliseconds patience);
  void close();

  Position position_;
  std::vector<uint64_t> sizes_;
  LoaderStats stats() const;

 private:
  struct Block {
    uint64_t ticket = 0;
    uint64_t pass = 0, file = 0, begin = 0, end = 0;
    bool ends_file = false, ends_pass = false;
    std::shared_ptr<const Source> source;
    std::optional<Error> trouble;  // met while opening or reading
  };
  // Consecutive records of a block that go to consecutive rows of one batch.
  struct Run {
    size_t first, n;    // of the wanted records
    uint64_t ordinal;   // of the first in its file
    size_t row;
    Batch* batch;       // held
  };
  struct Worker {
    Piece piece;
    std::vector<ByteView> records;  // after the boundary turn: the wanted ones
    std::vector<uint32_t> rows;
    std::vector<Run> runs;
    std::vector<Amount> amounts;  // of run r and column c at r * columns + c
    std::vector<Batch::Places> places;
    std::optional<Cells> cells;
    uint64_t slack = 4096;
  };
  struct Slot {
    std::unique_ptr<Batch> batch;
    Position end;
    bool complete = false;  // written, or dropped
    bool dropped = false;
  };

  void start();
  void work();
  bool claim(Block& block);
  void process(Block& block, Worker& worker);
  void assign(Block& block, Worker& worker);
  void offer(Worker& worker);
  void go_on(Plan::Step step);
  void open_batch();
  void close_batch(bool drop);
  void fail_stream(const Error& error);
  void end_stream();
  size_t verify(const Block& block, Worker& worker);
  void report(const Block& block, Worker& worker);
  void store(const Block& block, Worker& worker);
  void release(Batch* batch);
  void abort(std::exception_ptr error);
  int64_t offset_of(const Worker& worker, size_t record) const;

  const LoaderJob job_;
  std::shared_ptr<const BatchLayout> layout_;
  uint64_t block_size_;
  size_t last_file_ = 0;  // the last one that is not empty
  bool empty_ = true;
  bool repeats_ = false;  // perhaps
  std::vector<std::thread> threads_;

  // Claiming: guarded by claim_mutex_.
  std::mutex claim_mutex_;
  Position claimed_;  // up to here
  uint64_t next_ticket_ = 0;
  std::shared_ptr<const Source> source_;
  std::atomic<bool> stop_{false};

  // Assigning: owned by the holder of the boundary turn.
  Turn boundary_;
  Position at_;  // the next record
  Plan plan_;
  Batch* batch_ = nullptr;  // the open one
  size_t row_ = 0;          // its next row
  uint64_t opened_ = 0;     // batches so far

  Turn commit_;

  // Delivery: guarded by slots_mutex_.
  std::mutex slots_mutex_;
  std::condition_variable ready_;  // the front is complete, or there will be no more
  std::condition_variable space_;  // a batch has been taken
  std::deque<Slot> slots_;
  uint64_t taken_ = 0;             // slots so far
  bool ended_ = false;             // no more slots will come
  bool waiting_ = false;           // the consumer
  std::exception_ptr aborted_;
  std::optional<Error> failure_;   // raised again and again

  std::atomic<uint64_t> records_{0}, slow_records_{0}, bytes_read_{0};
};

Loader::Pass::Pass(LoaderJob job)
    : job_(std::move(job)),
      layout_(std::make_shared<BatchLayout>(columns_of(job_.schema.get()), job_.batch_size,
                                            /*pad=*/!job_.single)),
      block_size_(job_.options.block_size != 0 ? job_.options.block_size : kBlock),
      plan_(job_.verbs) {
  for (const std::string& path : job_.files) {
    sizes_.push_back(check_local(path).size);
    if (sizes_.back() != 0) {
      last_file_ = sizes_.size() - 1;
      empty_ = false;
    }
  }
  for (const Verb& verb : job_.verbs) repeats_ |= verb.kind == Verb::kRepeat && verb.a != 1;
  at_.plan = plan_.counters();
  position_ = at_;
}

void Loader::Pass::start_at(const Position& position) {
  if (!threads_.empty()) throw std::invalid_argument("the loader has already started");
  const bool inside = position.file < sizes_.size() ? position.offset <= sizes_[position.file]
                                                    : position.offset == 0;
  if (!inside || position.plan.size() != plan_.counters().size()) {
    throw std::invalid_argument("the state does not belong to these files and this chain");
  }
  at_ = position_ = position;
  plan_.restore(position.plan);
}

// Before the first thread: a stream whose source is already at its end is told so here, for there
// will be no block that says it.
void Loader::Pass::start() {
  if (at_.ended) {
    end_stream();
  } else if (empty_ || at_.file > last_file_ ||
             (at_.file == last_file_ && at_.offset >= sizes_[last_file_])) {
    go_on(empty_ ? Plan::Step{Plan::Step::kEnd} : plan_.source_ended());
  } else {
    go_on(plan_.offer(0));
  }
  if (ended_) return;
  claimed_ = at_;
  const SignalsBlocked blocked;
  const int threads = job_.options.threads > 0 ? job_.options.threads : available_threads();
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void Loader::Pass::work() {
  try {
    Worker worker;
    if (job_.schema) {
      worker.cells.emplace(job_.schema, job_.single ? ParseMode::kSingle : ParseMode::kBatch);
    }
    Block block;
    while (claim(block)) process(block, worker);
  } catch (...) {
    abort(std::current_exception());
  }
}

bool Loader::Pass::claim(Block& block) {
  std::lock_guard lock(claim_mutex_);
  for (;; claimed_.offset = 0, ++claimed_.file, source_.reset()) {
    if (stop_) return false;
    if (claimed_.file > last_file_) {
      // Whether there is a next pass, the plan will say; until then blocks are read ahead.
      if (!repeats_) return false;
      ++claimed_.pass;
      claimed_.file = 0;
    }
    if (claimed_.offset < sizes_[claimed_.file]) break;
  }
  const uint64_t size = sizes_[claimed_.file];
  block = Block{};
  block.ticket = next_ticket_++;
  block.pass = claimed_.pass;
  block.file = claimed_.file;
  block.begin = claimed_.offset;
  block.end = std::min(claimed_.offset + block_size_, size);
  if (!source_) {
    try {
      source_ = open_local(job_.files[block.file]);
      if (source_->size() != size) {
        const std::string& path = job_.files[block.file];
        block.trouble = Error(Fault::kDataLoss,
                              path + ": expected " + std::to_string(size) + " bytes, found " +
                                  std::to_string(source_->size()) +
                                  ": the file changed while being read",
                              path);
      }
    } catch (const Error& error) {
      block.trouble = error;
    }
    if (block.trouble) block.end = size;
  }
  block.source = source_;
  block.ends_file = block.end == size;
  block.ends_pass = block.ends_file && block.file == last_file_;
  claimed_.offset = block.end;
  return true;
}

void Loader::Pass::process(Block& block, Worker& worker) {
  worker.piece.forget();
  if (!block.trouble) {
    try {
      block.source->fetch(worker.piece, block.begin, block.end - block.begin + worker.slack);
      bytes_read_.fetch_add(worker.piece.bytes.size, std::memory_order_relaxed);
    } catch (const Error& error) {
      block.trouble = error;
    }
  }
  if (!boundary_.wait(block.ticket)) return;
  assign(block, worker);
  boundary_.done();

  worker.amounts.clear();
  if (!worker.records.empty()) report(block, worker);
  if (layout_->grows()) {
    if (!commit_.wait(block.ticket)) return;
    worker.places.clear();
    const size_t columns = layout_->columns().size();
    for (size_t r = 0; r < worker.runs.size(); ++r) {
      for (size_t c = 0; c < columns; ++c) {
        const bool grows = BatchLayout::grows(layout_->columns()[c]) && worker.runs[r].n != 0;
        worker.places.push_back(grows ? worker.runs[r].batch->reserve(
                                            c, worker.amounts[r * columns + c], worker.runs[r].n)
                                      : Batch::Places{});
      }
    }
    commit_.done();
  }
  store(block, worker);
}

// The boundary turn: finds the records that begin in this block and gives them their rows.
void Loader::Pass::assign(Block& block, Worker& worker) {
  worker.records.clear();
  worker.rows.clear();
  worker.runs.clear();
  if (at_.ended || block.pass != at_.pass) return;  // read ahead in vain
  if (block.file != at_.file) {                     // files between are empty
    at_.file = block.file;
    at_.offset = at_.ordinal = 0;
  }
  if (block.trouble) return fail_stream(*block.trouble);
  if (at_.offset < block.end) {
    const Walk walk = walk_records(*block.source, worker.piece, at_.offset, block.end, worker.records);
    offer(worker);
    if (at_.ended || block.pass != at_.pass) return;
    at_.offset = walk.next;
    if (walk.stop != Stop::kLimit && walk.stop != Stop::kEnd) {
      return fail_stream(
          framing_error(*block.source, walk, static_cast<int64_t>(at_.ordinal)));
    }
  }
  if (block.ends_pass) go_on(plan_.source_ended());
}

// Asks the plan about the records found, and keeps those that are delivered.
void Loader::Pass::offer(Worker& worker) {
  std::vector<ByteView>& records = worker.records;
  const size_t n = records.size();
  size_t kept = 0;
  for (size_t i = 0;;) {
    const Plan::Step step = plan_.offer(std::min(n - i, job_.batch_size - row_));
    if (step.fate == Plan::Step::kEnd || step.fate == Plan::Step::kNextPass) {
      go_on(step);
      break;
    }
    if (step.count == 0) break;
    const auto count = static_cast<size_t>(step.count);
    if (step.fate == Plan::Step::kDeliver) {
      if (batch_ == nullptr) open_batch();
      batch_->hold();
      worker.runs.push_back({kept, count, at_.ordinal, row_, batch_});
      for (size_t k = 0; k < count; ++k) {
        records[kept++] = records[i + k];
        worker.rows.push_back(static_cast<uint32_t>(row_++));
      }
    }
    i += count;
    at_.ordinal += count;
    at_.offset = worker.piece.offset +
                 static_cast<uint64_t>(records[i - 1].data - worker.piece.bytes.data) +
                 records[i - 1].size + kFooterSize;
    if (row_ == job_.batch_size) close_batch(/*drop=*/false);
  }
  records.resize(kept);
  records_.fetch_add(kept, std::memory_order_relaxed);
}

void Loader::Pass::go_on(Plan::Step step) {
  if (step.fate == Plan::Step::kEnd) {
    end_stream();
  } else if (step.fate == Plan::Step::kNextPass) {
    at_.file = at_.offset = at_.ordinal = 0;
    ++at_.pass;
    std::lock_guard lock(claim_mutex_);
    if (claimed_.pass < at_.pass) {
      claimed_ = at_;
      source_.reset();
    }
  }
}

// Waits until there is room ahead of the consumer.
void Loader::Pass::open_batch() {
  auto batch = std::make_unique<Batch>(layout_, opened_++);
  batch_ = batch.get();
  const uint64_t size = batch->memory();
  const uint64_t memory = job_.options.memory != 0 ? job_.options.memory : kAhead;
  const uint64_t most = job_.options.prefetch != 0 ? job_.options.prefetch
                                                   : std::numeric_limits<uint64_t>::max();
  std::unique_lock lock(slots_mutex_);
  space_.wait(lock, [&] {
    return stop_ || slots_.size() < kLeastAhead ||
           (slots_.size() <= most && (slots_.size() + 1) * size <= memory);
  });
  slots_.push_back({.batch = std::move(batch), .end = {}});
}

void Loader::Pass::close_batch(bool drop) {
  Batch* const batch = batch_;
  batch->set_rows(row_);
  at_.plan = plan_.counters();
  {
    std::lock_guard lock(slots_mutex_);
    slots_.back().end = at_;
    slots_.back().dropped = drop;
  }
  batch_ = nullptr;
  row_ = 0;
  release(batch);
}

void Loader::Pass::fail_stream(const Error& error) {
  if (batch_ == nullptr) open_batch();
  batch_->fail(row_, error);
  close_batch(/*drop=*/false);
  end_stream();
}

void Loader::Pass::end_stream() {
  at_.ended = true;
  stop_ = true;
  if (batch_ != nullptr) close_batch(/*drop=*/job_.drop_remainder);
  std::lock_guard lock(slots_mutex_);
  ended_ = true;
  if (!slots_.empty()) slots_.back().end.ended = true;
  ready_.notify_all();
}

int64_t Loader::Pass::offset_of(const Worker& worker, size_t record) const {
  return static_cast<int64_t>(worker.piece.offset +
                              static_cast<uint64_t>(worker.records[record].data -
                                                    worker.piece.bytes.data)) -
         static_cast<int64_t>(kHeaderSize);
}

// Number of wanted records that are whole and match their checksums; the first that does not fails
// its row, and what follows it will never be delivered.
size_t Loader::Pass::verify(const Block& block, Worker& worker) {
  const size_t n = worker.records.size();
  const bool whole = complete(*block.source, worker.piece, worker.records);
  const size_t checked = whole ? n : n - 1;
  const size_t good =
      job_.options.verify ? kernels().verify_payloads(worker.records.data(), checked) : checked;
  if (good == n) return n;
  for (const Run& run : worker.runs) {
    if (good >= run.first + run.n) continue;
    const std::string& path = block.source->path();
    const auto ordinal = static_cast<int64_t>(run.ordinal + (good - run.first));
    const int64_t offset = offset_of(worker, good);
    run.batch->fail(run.row + (good - run.first),
                    good < checked
                        ? checksum_error(path, ordinal, offset, worker.records[good])
                        : Error(Fault::kDataLoss,
                                place(path, ordinal, offset,
                                      "expected the whole record, found the end of the file: the "
                                      "file changed while being read"),
                                path, ordinal, offset));
    break;
  }
  stop_ = true;
  return good;
}

// Checks and measures the wanted records, and notes what fails.
void Loader::Pass::report(const Block& block, Worker& worker) {
  uint64_t largest = 0;
  for (const ByteView& record : worker.records) largest = std::max<uint64_t>(largest, record.size);
  worker.slack = std::clamp(2 * largest, kLeastSlack, kMostSlack);

  const size_t good = verify(block, worker);
  worker.records.resize(good);
  for (Run& run : worker.runs) run.n = good <= run.first ? 0 : std::min(run.n, good - run.first);
  if (worker.cells) {
    const uint64_t slow = worker.cells->slow_records();
    worker.cells->measure(worker.piece.bytes.data, worker.records, worker.rows);
    slow_records_.fetch_add(worker.cells->slow_records() - slow, std::memory_order_relaxed);
  }
  if (!layout_->grows()) return;
  for (const Run& run : worker.runs) {
    for (size_t c = 0; c < layout_->columns().size(); ++c) {
      const bool grows = BatchLayout::grows(layout_->columns()[c]) && run.n != 0;
      Amount amount;
      if (grows && worker.cells) {
        amount = worker.cells->amount(c, run.first, run.n);
      } else if (grows) {
        amount.values = run.n;
        for (size_t i = 0; i < run.n; ++i) amount.bytes += worker.records[run.first + i].size;
      }
      worker.amounts.push_back(amount);
    }
  }
}

void Loader::Pass::store(const Block& block, Worker& worker) {
  const size_t columns = layout_->columns().size();
  for (size_t r = 0; r < worker.runs.size(); ++r) {
    const Run& run = worker.runs[r];
    const std::span<const Batch::Places> places =
        layout_->grows() ? std::span(worker.places).subspan(r * columns, columns)
                         : std::span<const Batch::Places>();
    if (run.n == 0) continue;
    if (worker.cells) {
      run.batch->store(*worker.cells, run.first, run.n, run.row, places);
    } else {
      run.batch->store_records(std::span(worker.records).subspan(run.first, run.n), run.row,
                               places[0]);
    }
  }
  if (worker.cells && !worker.records.empty()) {
    for (const auto& [record, error] : worker.cells->errors()) {
      const Run& run = *std::find_if(worker.runs.begin(), worker.runs.end(), [&](const Run& r) {
        return record < r.first + r.n;
      });
      const std::string& path = block.source->path();
      const auto ordinal = static_cast<int64_t>(run.ordinal + (record - run.first));
      const int64_t offset = offset_of(worker, record);
      const std::string where = place(path, ordinal, offset, error.detail);
      run.batch->fail(run.row + (record - run.first),
                      Error(Fault::kParse, error.text + "\n" + where, path, ordinal, offset));
      stop_ = true;
    }
  }
  for (const Run& run : worker.runs) release(run.batch);
}

void Loader::Pass::release(Batch* batch) {
  if (!batch->release()) return;
  batch->finish();
  std::lock_guard lock(slots_mutex_);
  slots_[batch->number() - taken_].complete = true;
  if (waiting_ && slots_.front().complete) ready_.notify_one();
}

void Loader::Pass::abort(std::exception_ptr error) {
  stop_ = true;
  boundary_.close();
  commit_.close();
  std::lock_guard lock(slots_mutex_);
  if (!aborted_) aborted_ = error;
  ready_.notify_all();
  space_.notify_all();
}

Loader::Delivery Loader::Pass::next(std::chrono::milliseconds patience) {
  if (failure_) throw *failure_;
  if (threads_.empty() && !ended_) start();
  std::unique_lock lock(slots_mutex_);
  for (;;) {
    waiting_ = true;
    const bool ready = ready_.wait_for(lock, patience, [&] {
      return aborted_ || (slots_.empty() ? ended_ : slots_.front().complete);
    });
    waiting_ = false;
    if (!ready) return {Outcome::kTimeout, nullptr};
    if (aborted_) std::rethrow_exception(aborted_);
    if (slots_.empty()) return {Outcome::kEnd, nullptr};
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    ++taken_;
    space_.notify_one();
    if (slot.dropped && !slot.batch->failure()) continue;
    if (const auto& failure = slot.batch->failure()) {
      failure_ = failure->error;
      if (job_.single && failure->row > 0) {
        slot.batch->truncate(failure->row);
        return {Outcome::kBatch, std::move(slot.batch)};
      }
      if (!job_.single && failure->row > 0) {
        const Error& e = failure->error;
        failure_.emplace(e.fault,
                         std::string(e.what()) + "\n(" + std::to_string(failure->row) +
                             " records before it in the same batch were dropped)",
                         e.path, e.record, e.offset, e.code);
      }
      throw *failure_;
    }
    position_ = std::move(slot.end);
    return {Outcome::kBatch, std::move(slot.batch)};
  }
}

void Loader::Pass::close() {
  stop_ = true;
  boundary_.close();
  commit_.close();
  {
    std::lock_guard lock(slots_mutex_);
    ended_ = true;
    space_.notify_all();
    ready_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::lock_guard lock(slots_mutex_);
  slots_.clear();
}

LoaderStats Loader::Pass::stats() const {
  return {.records = records_, .slow_records = slow_records_, .bytes_read = bytes_read_,
          .threads = static_cast<int>(threads_.size())};
}

Loader::Loader(LoaderJob job) : pass_(std::make_unique<Pass>(std::move(job))) {}
Loader::~Loader() = default;
void Loader::start_at(const Position& position) { pass_->start_at(position); }
Loader::Delivery Loader::next(std::chrono::milliseconds patience) { return pass_->next(patience); }
const Position& Loader::position() const { return pass_->position_; }
const std::vector<uint64_t>& Loader::file_sizes() const { return pass_->sizes_; }
LoaderStats Loader::stats() const { return pass_->stats(); }
void Loader::close() { pass_->close(); }

}  // namespace headrace
