#include "loader.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <stdexcept>

#include "file_order.h"
#include "gatherer.h"
#include "picker.h"
#include "threads.h"

namespace headrace {
namespace {

constexpr uint64_t kAhead = uint64_t{64} << 20;  // bytes of batches ahead of the consumer

std::vector<Column> columns_of(const LoaderJob& job) {
  std::vector<Column> columns;
  if (job.schema) {
    columns = job.schema->columns();
  } else {
    Column record;  // records as they are: one string a row
    record.kind = Kind::kBytes;
    record.type = Type::kBytes;
    columns = {record};
  }
  if (!job.verbs.empty() && job.verbs.front().even == Even::kPad) {
    Column valid;  // which rows are not there for padding only
    valid.type = Type::kBool;
    columns.push_back(valid);
  }
  return columns;
}

// Single examples come together, as many as is good.
LoaderJob completed(LoaderJob job) {
  if (!job.single) return job;
  uint64_t row = 1;
  for (const Column& column : columns_of(job)) {
    if (!BatchLayout::grows(column)) row += column.elements * size_of(column.type);
  }
  if (job.index && job.index->count() != 0) {
    uint64_t bytes = 0;
    for (const IndexedFile& file : job.index->files()) bytes += file.size;
    row = std::max(row, bytes / job.index->count());
  }
  // Under kTf the stream goes on behind an error, so an example must not hide others behind it.
  const uint64_t most = job.on_corruption == OnCorruption::kTf ? 1 : LoaderJob::kVehicle / row;
  job.batch_size = std::clamp<uint64_t>(most, 1, job.batch_size);
  return job;
}

bool shuffles(const LoaderJob& job) {
  return std::any_of(job.verbs.begin(), job.verbs.end(),
                     [](const Verb& verb) { return verb.kind == Verb::kShuffle; });
}

Outbox::Limits limits_of(const LoaderJob& job) {
  const LoaderOptions& options = job.options;
  return {
      .memory = options.memory == 0          ? kAhead
                : job.index || shuffles(job) ? options.memory / 2
                                             : options.memory,
      .batches = options.prefetch != 0 ? options.prefetch : std::numeric_limits<uint64_t>::max()};
}

std::unique_ptr<Pipeline> pipeline_for(const LoaderJob& job,
                                       const std::shared_ptr<const BatchLayout>& layout,
                                       Outbox& outbox) {
  if (job.index) return std::make_unique<Picker>(job, layout, outbox);
  if (shuffles(job) || job.interleaving.slots > 1) {
    return std::make_unique<Gatherer>(job, layout, outbox);
  }
  return std::make_unique<FileOrder>(job, layout, outbox);
}

// No signal of the process is handled on our threads: Python wants them on its own. But for those
// that a thread brings upon itself: blocked, they would end the process unseen.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t others;
    sigfillset(&others);
    for (const int own : {SIGBUS, SIGSEGV, SIGFPE, SIGILL}) sigdelset(&others, own);
    pthread_sigmask(SIG_SETMASK, &others, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

bool LoaderJob::may_repeat() const {
  return std::any_of(verbs.begin(), verbs.end(),
                     [](const Verb& verb) { return verb.kind == Verb::kRepeat && verb.a != 1; });
}

bool LoaderJob::goes_on_behind(const Error& error) const {
  return on_corruption == OnCorruption::kTf &&
         !(error.fault == Fault::kSystem && error.code == ENOENT);
}

Loader::Loader(LoaderJob job)
    : job_(completed(std::move(job))),
      layout_(std::make_shared<BatchLayout>(
          columns_of(job_), job_.batch_size,
          /*pad=*/!job_.single, job_.options.locked_pages ? Pages::kLocked : Pages::kOrdinary,
          job_.sequences)),
      outbox_(layout_, limits_of(job_)),
      pipeline_(pipeline_for(job_, layout_, outbox_)),
      position_(pipeline_->beginning()) {}

void Loader::start_at(const Position& position) {
  if (started_) throw std::invalid_argument("the loader has already started");
  if (!pipeline_->contains(position)) {
    throw std::invalid_argument("the state does not belong to these files and this chain");
  }
  position_ = position;
}

void Loader::start() {
  started_ = true;
  std::lock_guard lock(mutex_);
  if (closed_) return;
  latest_ = begun_ = Stopwatch::Clock::now();
  pipeline_->start_at(position_);
  const SignalsBlocked blocked;
  const int threads = job_.options.threads > 0 ? job_.options.threads : available_threads();
  thread_count_ = threads;
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      try {
        pipeline_->work();
      } catch (...) {
        outbox_.abort(std::current_exception());
        pipeline_->stop();
      }
    });
  }
}

bool Loader::wait(std::chrono::milliseconds patience) {
  if (failure_) return true;
  if (!started_) start();
  return outbox_.wait(patience);
}

Loader::Delivery Loader::next(std::chrono::milliseconds patience) {
  if (failure_) throw *failure_;
  if (!started_) start();
  Outbox::Parcel parcel;
  const Outbox::Outcome outcome = outbox_.take(patience, parcel);
  taken();
  if (outcome != Outbox::Outcome::kBatch) return {outcome, nullptr};
  pipeline_->batch_taken();
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
  if (job_.goes_on_behind(error)) {
    position_ = std::move(parcel.end);
    throw error;
  }
  failure_ = error;
  pipeline_->stop();
  if (row > 0 && job_.single) {
    parcel.batch->truncate(row);
    return {outcome, std::move(parcel.batch)};
  }
  throw error;
}

std::unique_ptr<Batch> Loader::next_whole() {
  Outbox::Parcel parcel;
  if (failure_ || !outbox_.take_whole(parcel)) return nullptr;
  taken();
  pipeline_->batch_taken();
  position_ = std::move(parcel.end);
  return std::move(parcel.batch);
}

void Loader::taken() { latest_.store(Stopwatch::Clock::now(), std::memory_order_relaxed); }

void Loader::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  outbox_.abort(nullptr);
  pipeline_->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  pipeline_->join();
  outbox_.clear();
}

LoaderStats Loader::stats() const {
  LoaderStats stats = pipeline_->stats();
  stats.slow_records += outbox_.slow_sequences();
  std::lock_guard lock(mutex_);
  stats.threads = thread_count_;
  stats.elapsed = std::chrono::duration<double>(latest_.load() - begun_).count();
  return stats;
}

}  // namespace headrace
