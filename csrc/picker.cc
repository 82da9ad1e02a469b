#include "picker.h"

#include <algorithm>
#include <utility>

namespace headrace {
namespace {

constexpr uint64_t kLotBytes = uint64_t{192} << 20;  // by default
constexpr uint64_t kMapped = uint64_t{64} << 30;     // likewise; page tables for it take 128 MiB
constexpr size_t kSoon = 8;           // batches behind the first one, before many are read together
constexpr size_t kMostAtATime = 256;  // that are planned, if they are not

std::vector<Verb> behind(const std::vector<Verb>& verbs, size_t n) {
  return std::vector<Verb>(verbs.begin() + static_cast<ptrdiff_t>(n), verbs.end());
}

}  // namespace

Picker::Picker(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox)
    : job_(job),
      layout_(std::move(layout)),
      outbox_(outbox),
      selection_(job.index->count(), job.verbs),
      fetcher_(job.files, job.index, job.options.verify,
               selection_.shuffle() == nullptr || !job.options.map_files ? 0
               : job.options.memory != 0                                 ? job.options.memory / 2
                                                                         : kMapped),
      outer_(behind(job.verbs, selection_.verbs())) {
  if (const std::string difference = job.index->difference(job.files); !difference.empty()) {
    throw Error(Fault::kDataLoss, "the index is not one of these files: " + difference,
                job.files.empty() ? "" : job.files.front());
  }
  for (const IndexedFile& file : job.index->files()) {
    sizes_.push_back(file.size);
    bytes_ += file.size;
  }
  average_ = std::max<uint64_t>(bytes_ / std::max<uint64_t>(job.index->count(), 1), 1);
  // Half of a budget is for batches.
  const uint64_t budget = job.options.memory != 0 ? job.options.memory / 2 : kLotBytes;
  const uint64_t row = average_ + average_ / 8 + sizeof(ByteView) + sizeof(uint64_t);
  most_rows_ = std::min<uint64_t>(budget / row, Lot::kMostRows);
}

Position Picker::beginning() const {
  Position position;
  position.outer = outer_.counters();
  if (selection_.shuffle() != nullptr) {
    position.iteration = static_cast<uint64_t>(selection_.shuffle()->b);
  }
  return position;
}

bool Picker::contains(const Position& position) const {
  return position.plan.empty() && position.slots.empty() && position.drawn <= selection_.size() &&
         position.drawn == position.pushed && position.outer.size() == outer_.counters().size();
}

void Picker::start_at(const Position& position) {
  std::lock_guard lock(mutex_);
  iteration_ = position.iteration;
  next_ = position.drawn;
  outer_.restore(position.outer);
  order_ = std::make_shared<Selection::Order>(selection_.order(iteration_));
  go_on(position.ended ? Plan::Step{Plan::Step::kEnd} : outer_.offer(0));
  if (ended_) outbox_.end_stream();
}

// --- tasks ---

void Picker::work() {
  Worker worker{.filler = Filler(job_, layout_),
                .outline = Outline(job_.options.verify, job_.options.map_files),
                .scratch = {},
                .places = {}};
  Task task;
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (claim(task)) {
      work_.notify_one();
      lock.unlock();
      perform(task, worker);
      lock.lock();
      slow_records_ += worker.filler.take_slow_records();
      finish(task);
    } else if (all_opened()) {
      return work_.notify_all();
    } else {
      Lap lap(outbox_.stopwatch());
      work_.wait(lock);
      lap.end(Stage::kWaitRoom);
    }
  }
}

void Picker::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  work_.notify_all();
}

void Picker::batch_taken() {
  std::lock_guard lock(mutex_);
  work_.notify_one();
}

LoaderStats Picker::stats() const {
  std::lock_guard lock(mutex_);
  return {.records = records_,
          .slow_records = slow_records_,
          .bytes_read = bytes_read_,
          .threads = 0,
          .elapsed = 0,
          .damage = job_.index->damage()};
}

bool Picker::all_opened() const {
  return ended_ && std::all_of(shares_.begin(), shares_.end(), [](const auto& share) {
           return share->round == Round::kParse && share->claimed == share->batches.size();
         });
}

// What is next to be done. False if that is nothing, or there is no room for it.
bool Picker::claim(Task& task) {
  for (size_t i = 0; i < 2; ++i) {
    if (i == shares_.size()) {
      if (ended_ || (i > 0 && shares_.back()->together)) return false;
      plan();
      if (i == shares_.size()) return false;
    }
    Share& share = *shares_[i];
    if (share.claimed == share.tasks()) {
      if (share.round != Round::kParse) return false;  // others are about to end the round
      continue;
    }
    const bool before = i > 0 && shares_.front()->claimed < shares_.front()->tasks();
    if (share.round == Round::kParse && (before || !outbox_.has_room())) continue;
    task = {&share, share.round, share.claimed++, nullptr};
    if (task.round != Round::kParse) return true;
    const Planned& planned = share.batches[task.number];
    task.batch = outbox_.open();
    task.batch->hold();
    outbox_.close(task.batch, planned.rows, planned.end, planned.drop);
    records_ += planned.rows;
    if (all_opened()) outbox_.end_stream();
    return true;
  }
  return false;
}

void Picker::finish(const Task& task) {
  Share& share = *task.share;
  if (++share.done < share.tasks()) return;
  if (task.round == Round::kParse) {
    const auto found = std::find_if(shares_.begin(), shares_.end(),
                                    [&](const auto& other) { return other.get() == &share; });
    share.lot.clear();
    share.batches.clear();
    spare_shares_.push_back(std::move(*found));
    shares_.erase(found);
  } else {
    share.round = task.round == Round::kNumber ? Round::kRead : Round::kParse;
  }
  share.claimed = share.done = 0;
  if (ended_ && shares_.empty()) spare_shares_.clear();  // an iterator may live on at its end
  work_.notify_all();
}

void Picker::perform(const Task& task, Worker& worker) {
  Lap lap(outbox_.stopwatch());
  switch (task.round) {
    case Round::kNumber:
      task.share->lot.number(task.number, worker.scratch);
      lap.end(Stage::kOrder);
      break;
    case Round::kRead:
      task.share->lot.read(task.number, fetcher_, worker.scratch);
      bytes_read_ += worker.scratch.fetched.bytes_read;
      lap.end(Stage::kRead);
      break;
    case Round::kParse:
      fill(task, worker);
      break;
  }
}

// --- the order, under the lock ---

// The next batches of the stream. Few at first, so that the first one comes soon.
void Picker::plan() {
  if (spare_shares_.empty()) spare_shares_.push_back(std::make_unique<Share>());
  std::unique_ptr<Share> share = std::move(spare_shares_.back());
  spare_shares_.pop_back();
  size_t most = batches_at_a_time_;
  if (most == kMostAtATime && selection_.shuffle() != nullptr) {
    most = std::max<size_t>(most_rows_ / job_.batch_size, 1);
  }
  batches_at_a_time_ = most == 1 ? kSoon : kMostAtATime;
  size_t rows = 0;
  while (!ended_ && share->batches.size() < most) {
    if (next_ == selection_.size()) {
      go_on(outer_.source_ended());
      continue;
    }
    const uint64_t open = std::min<uint64_t>(selection_.size() - next_, job_.batch_size - rows);
    const Plan::Step step = outer_.offer(open);
    if (step.fate == Plan::Step::kDeliver) {
      share->lot.add(order_, next_, step.count);
      rows += step.count;
    } else if (step.fate != Plan::Step::kDrop) {
      go_on(step);
      continue;
    }
    next_ += step.count;
    if (rows == job_.batch_size) close_batch(*share, std::exchange(rows, 0), /*drop=*/false);
    if (const Plan::Step then = outer_.offer(0); then.fate != Plan::Step::kDrop) go_on(then);
  }
  if (rows > 0) close_batch(*share, rows, job_.drop_remainder);
  if (share->batches.empty()) {
    spare_shares_.push_back(std::move(share));
    if (all_opened()) outbox_.end_stream();
    return;
  }
  // Together, if of two neighbours the second mostly costs less read with the first, and both
  // cannot be had without reading.
  const size_t n = share->lot.rows();
  share->together = selection_.shuffle() != nullptr && !fetcher_.maps() && n <= most_rows_ &&
                    bytes_ / n < average_ + FrameReader::kNear;
  share->round = share->together ? Round::kNumber : Round::kParse;
  if (share->together) share->lot.divide(*job_.index, bytes_, job_.batch_size);
  shares_.push_back(std::move(share));
}

void Picker::go_on(Plan::Step step) {
  if (step.fate == Plan::Step::kNextPass) {
    ++iteration_;
    next_ = 0;
    order_ = std::make_shared<Selection::Order>(selection_.order(iteration_));
    fetcher_.try_again();
  } else if (step.fate == Plan::Step::kEnd) {
    ended_ = true;
  }
}

void Picker::close_batch(Share& share, size_t rows, bool drop) {
  Position end;
  end.iteration = iteration_;
  end.drawn = end.pushed = next_;
  end.outer = outer_.counters();
  end.ended = ended_;
  share.batches.push_back({share.lot.rows() - rows, rows, std::move(end), drop});
}

}  // namespace headrace
