#include "gatherer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "record.h"

namespace headrace {
namespace {

// Buffers of blocks: a window holds many that are half empty, unless records are placed.
constexpr uint64_t kKeptBlock = uint64_t{256} << 10, kPassingBlock = uint64_t{512} << 10;

// Half of a budget is for the window, the other for batches.
uint64_t most_kept(const LoaderOptions& options) {
  return options.memory != 0 ? options.memory / 2 : std::numeric_limits<uint64_t>::max();
}

}  // namespace

Gatherer::Gatherer(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox)
    : job_(job),
      layout_(std::move(layout)),
      outbox_(outbox),
      parts_(job.verbs),
      most_kept_(most_kept(job.options)),
      reader_(job.files, job.options.verify, /*may_map=*/false),
      placer_(job, parts_, *layout_, outbox),
      streams_(job.files,
               Streams::Rules::of(job, placer_.horizon() != 0 ? kPassingBlock : kKeptBlock)),
      inner_(parts_.before),
      outer_(parts_.behind),
      outer_has_verbs_(!parts_.behind.empty()),
      mixer_(parts_.shuffle, placer_.horizon()),
      open_job_(std::make_unique<RowJob>()) {}

// --- positions ---

Position Gatherer::beginning() const {
  Position position;
  position.plan = inner_.counters();
  position.outer = outer_.counters();
  if (parts_.shuffle != nullptr) position.iteration = static_cast<uint64_t>(parts_.shuffle->b);
  return position;
}

bool Gatherer::contains(const Position& position) const {
  return streams_.contains(position) && position.plan.size() == inner_.counters().size() &&
         position.outer.size() == outer_.counters().size() && position.drawn <= position.pushed &&
         position.input <= position.pushed &&
         (parts_.shuffle == nullptr ||
          position.pushed - position.drawn <= static_cast<uint64_t>(parts_.shuffle->a));
}

void Gatherer::start_at(const Position& position) {
  std::lock_guard order(order_);
  pass_ = position.pass;
  inner_.restore(position.plan);
  outer_.restore(position.outer);
  streams_.go_to(position);
  mixer_.start_at(position);
  set_mark();
  if (position.ended) return end_stream();
  after_output(outer_.offer(0));
}

// --- threads ---

void Gatherer::work() {
  RowParser parser(job_, layout_, reader_, outbox_.stopwatch());
  Lock lock(mutex_);
  while (!stopped_) {
    if (place(parser, kEnoughPlaceJobs, lock)) continue;
    if (news_ && jobs_.size() < kEnoughJobs && have_order(lock)) continue;
    if (!jobs_.empty()) {
      parse(parser, lock);
    } else if (done_) {
      if (!place(parser, 0, lock)) return;
    } else if (auto errand = streams_.claim()) {
      fetch(std::move(errand), parser, lock);
    } else if (!place(parser, 0, lock)) {
      wait(lock);
    }
  }
}

// Takes the order as far as it goes, unless another thread is about to. As it is given up with the
// lock, whoever could not have it will be there to see the news, or whoever had it will.
bool Gatherer::have_order(Lock& lock) {
  const std::unique_lock order(order_, std::try_to_lock);
  if (!order) return false;
  news_ = enough_ = false;
  lock.unlock();
  Lap lap(outbox_.stopwatch());
  advance();
  hand_out_placed();
  lap.end(Stage::kOrder);
  lock.lock();
  news_ = news_ || enough_;
  return true;
}

void Gatherer::parse(RowParser& parser, Lock& lock) {
  std::unique_ptr<RowJob> job = std::move(jobs_.front());
  jobs_.pop_front();
  if (news_ || !jobs_.empty()) wake_one();
  lock.unlock();
  parser.parse(*job, [this](const RowJob::Row& row) { return provenance(row); });
  outbox_.release(job->batch);
  job->rows.clear();
  job->places.clear();
  job->has_placed = false;
  lock.lock();
  slow_records_ += parser.take_slow_records();
  bytes_read_again_ += parser.take_bytes_read();
  returned_.insert(returned_.end(), parser.lent().begin(), parser.lent().end());
  spare_jobs_.push_back(std::move(job));
}

// A job of records that this thread has read, and so has in its cache; another one if there are
// more than `most`. False if there is none.
bool Gatherer::place(RowParser& parser, size_t most, Lock& lock) {
  auto next = std::find_if(place_jobs_.begin(), place_jobs_.end(),
                           [&](const auto& job) { return job->reader == &parser; });
  if (next == place_jobs_.end()) {
    if (place_jobs_.size() <= most) return false;
    next = place_jobs_.begin();
  }
  std::unique_ptr<PlaceJob> job = std::move(*next);
  place_jobs_.erase(next);
  if (news_ || !place_jobs_.empty()) wake_one();
  lock.unlock();
  parser.place(*job);
  lock.lock();
  slow_records_ += parser.take_slow_records();
  placed_[job->number - done_placing_] = true;
  for (; !placed_.empty() && placed_.front(); ++done_placing_) placed_.pop_front();
  if (placed_.empty()) news_ = true;
  spare_place_jobs_.push_back(std::move(job));
  while (!unplaced_.empty() && unplaced_.front().first <= done_placing_) {
    Batch* const batch = unplaced_.front().second;
    unplaced_.pop_front();
    lock.unlock();
    outbox_.release(batch);
    lock.lock();
  }
  return true;
}

void Gatherer::fetch(std::unique_ptr<Streams::Errand> errand, RowParser& parser, Lock& lock) {
  wake_one();  // there may be more
  lock.unlock();
  Lap lap(outbox_.stopwatch());
  if (!errand->have_bytes) {
    errand->block->piece.memory = parser.take_memory();
    errand->read();
    lap.end(Stage::kRead);
    lock.lock();
    if (!streams_.arrive(errand)) return;
    lock.unlock();
    lap.end(Stage::kWaitTurn);
  }
  errand->frame();
  lap.end(Stage::kOrder);
  lock.lock();
  streams_.framed(*errand);
  wake_one();
  lock.unlock();
  lap.end(Stage::kWaitTurn);
  errand->complete();
  lap.end(Stage::kRead);
  errand->check();
  errand->block->reader = &parser;
  lap.end(Stage::kChecksum);
  lock.lock();
  streams_.deliver(std::move(errand));
  news_ = true;
}

void Gatherer::wait(Lock& lock) {
  Lap lap(outbox_.stopwatch());
  const Stage stage = no_room_ ? Stage::kWaitRoom : Stage::kWaitTurn;
  ++waiting_;
  work_.wait(lock);
  --waiting_;
  lap.end(stage);
}

void Gatherer::wake_one() {
  if (waiting_ != 0) work_.notify_one();
}

void Gatherer::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  work_.notify_all();
}

void Gatherer::batch_taken() {
  if (!no_room_) return;
  std::lock_guard lock(mutex_);
  no_room_ = false;
  news_ = true;
  wake_one();
}

LoaderStats Gatherer::stats() const {
  std::lock_guard lock(mutex_);
  return {.records = records_,
          .slow_records = slow_records_,
          .bytes_read = streams_.bytes_read() + bytes_read_again_,
          .threads = 0,
          .elapsed = 0,
          .damage = streams_.damage()};
}

Provenance Gatherer::provenance(const RowJob::Row& row) {
  std::lock_guard order(order_);
  const Window::Origin origin = mixer_.window().origin(row.segment, row.index, row.at);
  return {job_.files[origin.file], static_cast<int64_t>(origin.ordinal),
          static_cast<int64_t>(origin.offset - kHeaderSize)};
}

}  // namespace headrace
