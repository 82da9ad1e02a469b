#include "outbox.h"

#include <algorithm>

namespace headrace {
namespace {

constexpr size_t kLeastAhead = 2;  // batches, however large
constexpr uint64_t kPortions = 4;  // of the memory

// To wake a thread and to fall asleep again takes longer than to hand over a batch, and it takes a
// core from those that make the next ones; their data is in its cache, the interpreter's is not any
// more. So a consumer that is faster than they are sleeps for a moment, where there is room for
// many, and then finds several: of small ones as many as stay in a core's cache, for their memory
// is used again.
constexpr std::chrono::milliseconds kMoment{2};
constexpr uint64_t kTogether = uint64_t{2} << 20;
constexpr uint64_t kSeveral = 4, kMany = 8;

}  // namespace

Outbox::Outbox(std::shared_ptr<const BatchLayout> layout, Limits limits)
    : layout_(std::move(layout)),
      limits_(limits),
      roomy_(limits.batches >= kMany && limits.memory / kMany >= layout_->expected_memory()) {}

bool Outbox::room(uint64_t times) const {
  const uint64_t ahead = closed_ - taken_;
  return aborted_ || ahead * times < kLeastAhead ||
         (ahead * times < limits_.batches &&
          (ahead + 1) * times * layout_->expected_memory() <= limits_.memory);
}

void Outbox::wait_for_room() {
  std::unique_lock lock(mutex_);
  if (room()) return;
  wake(lock);
  lock.lock();
  space_.wait(lock, [&] { return room(); });
}

bool Outbox::has_room() {
  std::unique_lock lock(mutex_);
  if (room()) return true;
  wake(lock);
  return false;
}

uint64_t Outbox::portion() const {
  return limits_.memory / kPortions / std::max<uint64_t>(layout_->expected_memory(), 1);
}

std::unique_ptr<Batch> Outbox::make() {
  std::unique_ptr<Batch> batch;
  {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      batch = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (!batch) batch = std::make_unique<Batch>(layout_);
  batch->open();
  return batch;
}

Batch* Outbox::open(std::unique_ptr<Batch> batch) {
  Batch* const opened = batch.get();
  std::lock_guard lock(mutex_);
  batch->set_number(opened_++);
  slots_.push_back({std::move(batch), {}});
  return opened;
}

void Outbox::close(Batch* batch, size_t rows, const Position& end, bool drop) {
  batch->set_rows(rows);
  {
    std::lock_guard lock(mutex_);
    Slot& slot = slots_[batch->number() - taken_];
    slot.end = end;
    slot.dropped = drop;
    ++closed_;
  }
  release(batch);
}

void Outbox::end_stream() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  if (!slots_.empty()) slots_.back().end.ended = true;
  ready_.notify_all();
}

void Outbox::release(Batch* batch) {
  if (!batch->release()) return;
  batch->finish();
  const bool slow = layout_->sequences() && !batch->sequences() && !batch->failure();
  if (slow) slow_sequences_ += batch->rows();
  std::unique_lock lock(mutex_);
  slots_[batch->number() - taken_].complete = true;
  wake(lock);
}

// Gives up the lock.
void Outbox::wake(std::unique_lock<std::mutex>& lock) {
  const bool wakes = waiting_ && worth_waking();
  if (wakes) waiting_ = false;  // one signal is enough
  lock.unlock();
  if (wakes) ready_.notify_one();
}

void Outbox::abort(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  aborted_ = true;
  ended_ = true;
  if (!error_) error_ = error;
  ready_.notify_all();
  space_.notify_all();
}

bool Outbox::takes() const { return error_ || (slots_.empty() ? ended_ : slots_.front().complete); }

bool Outbox::worth_waking() const {
  const uint64_t ahead = closed_ - taken_;
  return takes() && (!patient_ || ended_ || !room(4) ||
                     (ahead >= kSeveral && ahead * layout_->expected_memory() >= kTogether));
}

bool Outbox::ready() {
  std::lock_guard lock(mutex_);
  return takes();
}

bool Outbox::wait(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return wait(lock, patience);
}

bool Outbox::wait(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds patience) {
  if (takes()) return true;
  Lap lap(stopwatch_);
  const auto woken = [&](std::chrono::milliseconds time, bool patient) {
    waiting_ = true;
    patient_ = patient;
    const bool worth_it = ready_.wait_for(lock, time, [&] { return worth_waking(); });
    waiting_ = patient_ = false;
    return worth_it;
  };
  const bool patient = roomy_ && taken_ != 0;  // the first one is wanted at once
  const bool ready =
      (patient && woken(std::min(patience, kMoment), true)) || woken(patience, false);
  lap.end(Stage::kConsumer);
  return ready;
}

Outbox::Outcome Outbox::take(std::chrono::milliseconds patience, Parcel& parcel) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool ready = wait(lock, patience);
    if (error_) std::rethrow_exception(error_);
    if (!ready) return Outcome::kTimeout;
    if (slots_.empty()) return Outcome::kEnd;
    Slot slot = pop();
    if (slot.dropped && !slot.batch->failure()) continue;
    parcel = {std::move(slot.batch), std::move(slot.end)};
    return Outcome::kBatch;
  }
}

bool Outbox::take_whole(Parcel& parcel) {
  std::lock_guard lock(mutex_);
  if (error_ || slots_.empty() || !slots_.front().complete) return false;
  if (slots_.front().dropped || slots_.front().batch->failure()) return false;
  Slot slot = pop();
  parcel = {std::move(slot.batch), std::move(slot.end)};
  return true;
}

Outbox::Slot Outbox::pop() {
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  ++taken_;
  if (spent_) spare_.push_back(std::move(spent_));
  space_.notify_one();
  return slot;
}

void Outbox::clear() {
  std::lock_guard lock(mutex_);
  taken_ += slots_.size();
  slots_.clear();
  ready_.notify_all();
}

}  // namespace headrace
