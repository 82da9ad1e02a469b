#include "picker.h"

#include <algorithm>
#include <utility>

namespace headrace {
namespace {

constexpr size_t kGroupBytes = size_t{1} << 20;  // read and parsed at a time

std::vector<Verb> behind(const std::vector<Verb>& verbs, size_t n) {
  return std::vector<Verb>(verbs.begin() + static_cast<ptrdiff_t>(n), verbs.end());
}

}  // namespace

Picker::Picker(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox)
    : job_(job), layout_(std::move(layout)), outbox_(outbox),
      selection_(job.index->count(), job.verbs),
      fetcher_(job.files, job.index, job.options.verify),
      outer_(behind(job.verbs, selection_.verbs())) {
  if (const std::string difference = job.index->difference(job.files); !difference.empty()) {
    throw Error(Fault::kDataLoss, "the index is not one of these files: " + difference,
                job.files.empty() ? "" : job.files.front());
  }
  for (const IndexedFile& file : job.index->files()) sizes_.push_back(file.size);
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
  if (position.ended) return go_on({Plan::Step::kEnd});
  go_on(outer_.offer(0));
}

void Picker::work() {
  Worker worker{Filler(job_, layout_), {}, {}, {}};
  Job job;
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (next_job(job)) {
      work_.notify_one();
      lock.unlock();
      fill(job, worker);
      lock.lock();
      slow_records_ += worker.filler.take_slow_records();
    } else if (ended_) {
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

// The records of the next batch. False if there is none, or no room for it.
bool Picker::next_job(Job& job) {
  if (ended_ || !outbox_.has_room()) return false;
  job = {};
  while (!ended_) {
    if (next_ == selection_.size()) {
      go_on(outer_.source_ended());
      continue;
    }
    const uint64_t most = std::min<uint64_t>(selection_.size() - next_, job_.batch_size - rows_);
    const Plan::Step step = outer_.offer(most);
    if (step.fate == Plan::Step::kDeliver) {
      if (open_.batch == nullptr) open_.batch = outbox_.open();
      open_.runs.push_back({order_, next_, step.count});
      rows_ += step.count;
      records_ += step.count;
    } else if (step.fate != Plan::Step::kDrop) {
      go_on(step);
      continue;
    }
    next_ += step.count;
    const bool full = rows_ == job_.batch_size;
    if (full) {
      job = open_;
      close_batch(/*drop=*/false);
    }
    if (const Plan::Step then = outer_.offer(0); then.fate != Plan::Step::kDrop) go_on(then);
    if (full) return true;
  }
  if (open_.batch == nullptr) return false;
  // go_on() has closed the last batch, which is not full.
  job = std::exchange(open_, {});
  return true;
}

void Picker::go_on(Plan::Step step) {
  if (step.fate == Plan::Step::kNextPass) {
    ++iteration_;
    next_ = 0;
    order_ = std::make_shared<Selection::Order>(selection_.order(iteration_));
  } else if (step.fate == Plan::Step::kEnd) {
    ended_ = true;
    if (open_.batch != nullptr) {
      const Job last = open_;
      close_batch(job_.drop_remainder);
      open_ = last;
    }
    outbox_.end_stream();
    work_.notify_all();
  }
}

void Picker::close_batch(bool drop) {
  Position end;
  end.iteration = iteration_;
  end.drawn = end.pushed = next_;
  end.outer = outer_.counters();
  end.ended = ended_;
  open_.batch->hold();
  outbox_.close(open_.batch, rows_, end, drop);
  open_ = {};
  rows_ = 0;
}

void Picker::fill(Job& job, Worker& worker) {
  worker.ordinals.clear();
  worker.valid.clear();
  for (const Run& run : job.runs) {
    for (uint64_t k = run.first; k < run.first + run.n; ++k) {
      const EvenPlace place = (*run.order)(k);
      worker.ordinals.push_back(place.ordinal);
      worker.valid.push_back(place.valid);
    }
  }
  if (selection_.flags()) {
    std::copy(worker.valid.begin(), worker.valid.end(),
              job.batch->fixed(layout_->columns().size() - 1));
  }
  // Groups by size, from the average: the real sizes are only known when they are looked up.
  const Index& index = *job_.index;
  uint64_t total = 0;
  for (const uint64_t size : sizes_) total += size;
  const uint64_t average = index.count() == 0 ? 1 : std::max<uint64_t>(total / index.count(), 1);
  const size_t group = std::clamp<size_t>(kGroupBytes / average, 1, 4096);
  for (size_t first = 0; first < worker.ordinals.size(); first += group) {
    if (!store(job, worker, first, std::min(group, worker.ordinals.size() - first))) break;
  }
  outbox_.release(job.batch);
}

// False if a record could not be had: nothing behind it will be delivered.
bool Picker::store(Job& job, Worker& worker, size_t first, size_t n) {
  const auto ordinals = std::span<const uint64_t>(worker.ordinals).subspan(first, n);
  Fetched& fetched = worker.fetched;
  Lap lap(outbox_.stopwatch());
  fetcher_.fetch(ordinals, fetched);
  lap.end(Stage::kRead);
  if (fetched.failure) {
    job.batch->fail(first + fetched.failure->record, fetched.failure->error);
    n = fetched.failure->record;
  }
  const auto records = std::span<const ByteView>(fetched.records).first(n);
  worker.filler.fill(*job.batch, first, records, outbox_.stopwatch(), [&](size_t record) {
    const Index::Place& place = fetched.places[record];
    return Provenance{fetcher_.path(place.file), fetcher_.ordinal_in_file(ordinals[record]),
                      static_cast<int64_t>(place.offset)};
  });
  return !fetched.failure;
}

}  // namespace headrace
