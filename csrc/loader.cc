#include "loader.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <thread>

#include "assigner.h"
#include "blocks.h"
#include "cells.h"
#include "kernels/kernels.h"
#include "record.h"
#include "threads.h"
#include "turn.h"

namespace headrace {
namespace {

constexpr uint64_t kBlock = uint64_t{256} << 10;
constexpr uint64_t kLeastSlack = 1024, kMostSlack = uint64_t{64} << 10;
constexpr uint64_t kAhead = uint64_t{64} << 20;  // bytes of batches ahead of the consumer

std::vector<Column> columns_of(const Schema* schema) {
  if (schema != nullptr) return schema->columns();
  Column record;  // records as they are: one string a row
  record.kind = Kind::kBytes;
  record.type = Type::kBytes;
  return {record};
}

bool repeats(const std::vector<Verb>& verbs) {
  return std::any_of(verbs.begin(), verbs.end(), [](const Verb& verb) {
    return verb.kind == Verb::kRepeat && verb.a != 1;
  });
}

Outbox::Limits limits_of(const LoaderOptions& options) {
  return {.memory = options.memory != 0 ? options.memory : kAhead,
          .batches = options.prefetch != 0 ? options.prefetch : std::numeric_limits<uint64_t>::max()};
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

// Under kTf the stream goes on behind an error, so an example must not hide others behind it.
size_t batch_size_of(const LoaderJob& job) {
  return job.single && job.on_corruption == OnCorruption::kTf ? 1 : job.batch_size;
}

}  // namespace

// Blocks are claimed in order, read in parallel, and pass two turns in order. Boundary: which
// records begin here, which rows of which batches are theirs. Commit (only if columns grow): where
// do their values go. Everything else is done side by side.
class Loader::Pass {
 public:
  explicit Pass(LoaderJob job);
  ~Pass() { close(); }

  void start_at(const Position& position);
  Delivery next(std::chrono::milliseconds patience);
  void close();
  LoaderStats stats() const;

  const Position& position() const { return position_; }
  const std::vector<uint64_t>& file_sizes() const { return blocks_.sizes(); }

 private:
  struct Worker {
    Haul haul;
    std::vector<Amount> amounts;  // of run r and column c at r * columns + c
    std::vector<Batch::Places> places;
    std::optional<Cells> cells;
    uint64_t slack = 4096;  // bytes read behind a block for the end of its last record
  };

  void start();
  void work();
  void process(Block& block, Worker& worker);
  void read(Block& block, Worker& worker);
  void measure(const Block& block, Worker& worker);
  size_t verify(const Block& block, Worker& worker);
  void reserve(Worker& worker);
  void store(const Block& block, Worker& worker);
  void fail(const Run& run, size_t record, const Error& error);
  static const Run& run_of(const Worker& worker, size_t record);

  const LoaderJob job_;
  const std::shared_ptr<const BatchLayout> layout_;
  Blocks blocks_;
  Outbox outbox_;
  Turn boundary_;
  Assigner assigner_;  // of the holder of the boundary turn
  Turn commit_;
  std::vector<std::thread> threads_;

  bool started_ = false;  // of the consumer, like what follows
  Position position_;
  std::optional<Error> failure_;  // raised again and again

  std::atomic<uint64_t> records_{0}, slow_records_{0}, bytes_read_{0};
};

Loader::Pass::Pass(LoaderJob job)
    : job_(std::move(job)),
      layout_(std::make_shared<BatchLayout>(columns_of(job_.schema.get()), batch_size_of(job_),
                                            /*pad=*/!job_.single)),
      blocks_(job_.files, job_.options.block_size != 0 ? job_.options.block_size : kBlock,
              repeats(job_.verbs), /*tolerant=*/job_.on_corruption == OnCorruption::kTf),
      outbox_(layout_, limits_of(job_.options)),
      assigner_(job_.verbs,
                {.batch_size = batch_size_of(job_),
                 .drop_remainder = job_.drop_remainder,
                 .on_corruption = job_.on_corruption,
                 .verify = job_.options.verify},
                blocks_, outbox_),
      position_(assigner_.beginning()) {}

void Loader::Pass::start_at(const Position& position) {
  if (started_) throw std::invalid_argument("the loader has already started");
  if (!blocks_.contains(position) || position.plan.size() != position_.plan.size()) {
    throw std::invalid_argument("the state does not belong to these files and this chain");
  }
  position_ = position;
}

void Loader::Pass::start() {
  started_ = true;
  assigner_.start_at(position_);
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
    while (blocks_.claim(block)) process(block, worker);
  } catch (...) {
    blocks_.stop();
    outbox_.abort(std::current_exception());
    boundary_.close();
    commit_.close();
  }
}

void Loader::Pass::process(Block& block, Worker& worker) {
  read(block, worker);
  if (!boundary_.wait(block.ticket)) return;
  assigner_.assign(block, worker.haul);
  boundary_.done();

  worker.amounts.clear();
  if (!worker.haul.records.empty()) measure(block, worker);
  if (layout_->grows()) {
    if (!commit_.wait(block.ticket)) return;
    reserve(worker);
    commit_.done();
  }
  store(block, worker);
}

void Loader::Pass::read(Block& block, Worker& worker) {
  Piece& piece = worker.haul.piece;
  piece.forget();
  piece.offset = block.begin;
  if (block.trouble || assigner_.reaches_over(block)) return;
  try {
    block.source->fetch(piece, block.begin, block.end - block.begin + worker.slack);
    bytes_read_.fetch_add(piece.bytes.size, std::memory_order_relaxed);
  } catch (const Error& error) {
    block.trouble = error;
  }
}

// Checks and measures the wanted records, and how much of each growing column is theirs.
void Loader::Pass::measure(const Block& block, Worker& worker) {
  Haul& haul = worker.haul;
  uint64_t largest = 0;
  for (const ByteView& record : haul.records) largest = std::max<uint64_t>(largest, record.size);
  worker.slack = std::clamp(2 * largest, kLeastSlack, kMostSlack);

  const size_t good = verify(block, worker);
  haul.records.resize(good);
  haul.rows.resize(good);
  for (Run& run : haul.runs) run.n = good <= run.first ? 0 : std::min(run.n, good - run.first);
  records_.fetch_add(good, std::memory_order_relaxed);
  if (worker.cells) {
    const uint64_t slow = worker.cells->slow_records();
    worker.cells->measure(haul.piece.bytes.data, haul.records, haul.rows);
    slow_records_.fetch_add(worker.cells->slow_records() - slow, std::memory_order_relaxed);
  }
  if (!layout_->grows()) return;
  for (const Run& run : haul.runs) {
    for (size_t c = 0; c < layout_->columns().size(); ++c) {
      const bool grows = run.n != 0 && BatchLayout::grows(layout_->columns()[c]);
      Amount amount;
      if (grows && worker.cells) {
        amount = worker.cells->amount(c, run.first, run.n);
      } else if (grows) {
        amount.values = run.n;
        for (size_t i = 0; i < run.n; ++i) amount.bytes += haul.records[run.first + i].size;
      }
      worker.amounts.push_back(amount);
    }
  }
}

// Number of wanted records that are whole and match their checksums; the first that does not fails
// its row, and what follows it will never be delivered.
size_t Loader::Pass::verify(const Block& block, Worker& worker) {
  Haul& haul = worker.haul;
  const bool whole = complete(*block.source, haul.piece, haul.records);
  const size_t n = haul.records.size(), checked = whole ? n : n - 1;
  const bool verifies = job_.options.verify && job_.on_corruption == OnCorruption::kRaise;
  const size_t good = verifies ? kernels().verify_payloads(haul.records.data(), checked) : checked;
  if (good == n) return n;
  const ByteView& bad = haul.records[good];
  const Run& run = run_of(worker, good);
  const std::string& path = block.source->path();
  const auto ordinal = static_cast<int64_t>(run.ordinal + (good - run.first));
  const int64_t offset = haul.offset_of(bad);
  fail(run, good,
       good < checked ? checksum_error(path, ordinal, offset, bad)
                      : Error(Fault::kDataLoss,
                              place(path, ordinal, offset,
                                    "expected the whole record, found the end of the file: the file "
                                    "changed while being read"),
                              path, ordinal, offset));
  return good;
}

void Loader::Pass::fail(const Run& run, size_t record, const Error& error) {
  run.batch->fail(run.row + (record - run.first), error);
  if (job_.on_corruption != OnCorruption::kTf) blocks_.stop();
}

const Run& Loader::Pass::run_of(const Worker& worker, size_t record) {
  return *std::find_if(worker.haul.runs.begin(), worker.haul.runs.end(),
                       [&](const Run& run) { return record < run.first + run.n; });
}

// The commit turn.
void Loader::Pass::reserve(Worker& worker) {
  worker.places.clear();
  const size_t columns = layout_->columns().size();
  for (size_t r = 0; r < worker.haul.runs.size(); ++r) {
    const Run& run = worker.haul.runs[r];
    for (size_t c = 0; c < columns; ++c) {
      const bool grows = run.n != 0 && BatchLayout::grows(layout_->columns()[c]);
      worker.places.push_back(grows ? run.batch->reserve(c, worker.amounts[r * columns + c], run.n)
                                    : Batch::Places{});
    }
  }
}

void Loader::Pass::store(const Block& block, Worker& worker) {
  const Haul& haul = worker.haul;
  const size_t columns = layout_->columns().size();
  for (size_t r = 0; r < haul.runs.size(); ++r) {
    const Run& run = haul.runs[r];
    if (run.n == 0) continue;
    std::span<const Batch::Places> places;
    if (layout_->grows()) places = std::span(worker.places).subspan(r * columns, columns);
    if (worker.cells) {
      run.batch->store(*worker.cells, run.first, run.n, run.row, places);
    } else {
      run.batch->store_records(std::span(haul.records).subspan(run.first, run.n), run.row,
                               places[0]);
    }
  }
  if (worker.cells && !haul.records.empty()) {
    for (const auto& [record, error] : worker.cells->errors()) {
      const Run& run = run_of(worker, record);
      const std::string& path = block.source->path();
      const auto ordinal = static_cast<int64_t>(run.ordinal + (record - run.first));
      const int64_t offset = haul.offset_of(haul.records[record]);
      const std::string where = place(path, ordinal, offset, error.detail);
      fail(run, record, Error(Fault::kParse, error.text + "\n" + where, path, ordinal, offset));
    }
  }
  for (const Run& run : haul.runs) outbox_.release(run.batch);
}

Loader::Delivery Loader::Pass::next(std::chrono::milliseconds patience) {
  if (failure_) throw *failure_;
  if (!started_) start();
  Outbox::Parcel parcel;
  const Outbox::Outcome outcome = outbox_.take(patience, parcel);
  if (outcome != Outbox::Outcome::kBatch) return {outcome, nullptr};
  const auto& failure = parcel.batch->failure();
  if (!failure) {
    position_ = std::move(parcel.end);
    return {outcome, std::move(parcel.batch)};
  }
  Error error = failure->error;
  const size_t row = failure->row;
  if (row > 0 && !job_.single) {
    error = Error(error.fault,
                  std::string(error.what()) + "\n(" + std::to_string(row) +
                      " records before it in the same batch were dropped)",
                  error.path, error.record, error.offset, error.code);
  }
  if (job_.on_corruption == OnCorruption::kTf &&
      !(error.fault == Fault::kSystem && error.code == ENOENT)) {
    position_ = std::move(parcel.end);
    throw error;
  }
  failure_ = error;
  if (row > 0 && job_.single) {
    parcel.batch->truncate(row);
    return {outcome, std::move(parcel.batch)};
  }
  throw error;
}

void Loader::Pass::close() {
  blocks_.stop();
  outbox_.abort(nullptr);
  boundary_.close();
  commit_.close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  outbox_.clear();
}

LoaderStats Loader::Pass::stats() const {
  return {.records = records_,
          .slow_records = slow_records_,
          .bytes_read = bytes_read_,
          .threads = static_cast<int>(threads_.size()),
          .damage = assigner_.damage()};
}

Loader::Loader(LoaderJob job) : pass_(std::make_unique<Pass>(std::move(job))) {}
Loader::~Loader() = default;
void Loader::start_at(const Position& position) { pass_->start_at(position); }
Loader::Delivery Loader::next(std::chrono::milliseconds patience) { return pass_->next(patience); }
const Position& Loader::position() const { return pass_->position(); }
const std::vector<uint64_t>& Loader::file_sizes() const { return pass_->file_sizes(); }
LoaderStats Loader::stats() const { return pass_->stats(); }
void Loader::close() { pass_->close(); }

}  // namespace headrace
