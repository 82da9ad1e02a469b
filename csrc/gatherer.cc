#include "gatherer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "record.h"

namespace headrace {
namespace {

constexpr size_t kGroupBytes = size_t{256} << 10;  // parsed at a time, to stay in the cache
constexpr size_t kGroupRows = 4096;

}  // namespace

Gatherer::Gatherer(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox)
    : job_(job),
      layout_(std::move(layout)),
      outbox_(outbox),
      parts_(job.verbs),
      streams_(job.files, Streams::Rules::of(job)),
      inner_(parts_.before),
      outer_(parts_.behind),
      outer_has_verbs_(!parts_.behind.empty()),
      mixer_(parts_.shuffle) {}

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
  std::lock_guard lock(mutex_);
  pass_ = position.pass;
  inner_.restore(position.plan);
  outer_.restore(position.outer);
  streams_.go_to(position);
  mixer_.start_at(position);
  set_mark();
  if (position.ended) return end_stream();
  after_output(outer_.offer(0));
}

// The window can be filled again from here.
void Gatherer::set_mark() {
  if (!mixer_.shuffles()) return;
  Position at;
  streams_.tell(at);
  at.plan = inner_.counters();
  mixer_.mark(std::move(at));
}

// --- threads ---

void Gatherer::work() {
  Worker worker{Filler(job_, layout_), {}, {}, {}};
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopped_) return;
    Lap lap(outbox_.stopwatch());
    advance();
    lap.end(Stage::kOrder);
    if (!jobs_.empty()) {
      std::unique_ptr<Job> job = std::move(jobs_.front());
      jobs_.pop_front();
      if (!jobs_.empty()) work_.notify_one();
      lock.unlock();
      gather(*job, worker);
      lock.lock();
      slow_records_ += worker.filler.take_slow_records();
      for (const uint32_t segment : worker.segments) {
        mixer_.window().give_back(segment, std::exchange(worker.counts[segment], 0));
      }
      job->rows.clear();
      spare_jobs_.push_back(std::move(job));
      continue;
    }
    if (ended_) return work_.notify_all();
    if (std::unique_ptr<Streams::Errand> errand = streams_.claim()) {
      work_.notify_one();
      lock.unlock();
      if (!errand->have_bytes) {
        errand->read();
        lap.end(Stage::kRead);
        lock.lock();
        if (!streams_.arrive(errand)) continue;
        lock.unlock();
        lap.end(Stage::kWaitTurn);
      }
      errand->frame();
      lap.end(Stage::kOrder);
      lock.lock();
      streams_.framed(*errand);
      work_.notify_one();
      lock.unlock();
      lap.end(Stage::kWaitTurn);
      errand->check();
      lap.end(Stage::kChecksum);
      lock.lock();
      streams_.deliver(std::move(errand));
      continue;
    }
    work_.wait(lock);
    lap.end(batch_ == nullptr ? Stage::kWaitRoom : Stage::kWaitTurn);
  }
}

void Gatherer::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  work_.notify_all();
}

void Gatherer::batch_taken() {
  std::lock_guard lock(mutex_);
  work_.notify_one();
}

LoaderStats Gatherer::stats() const {
  std::lock_guard lock(mutex_);
  return {.records = records_,
          .slow_records = slow_records_,
          .bytes_read = streams_.bytes_read(),
          .threads = 0,
          .elapsed = 0,
          .damage = streams_.damage()};
}

// --- the order, under the lock ---

// As far as what has been read allows, and room for batches.
void Gatherer::advance() {
  while (!ended_) {
    if (batch_ == nullptr && !outbox_.has_room()) return;
    if (draining_) {
      if (mixer_.empty()) {
        after_output(outer_.source_ended());
      } else {
        emit(mixer_.draw());
      }
      continue;
    }
    if (accepted_ == 0) {
      if (const Plan::Step step = inner_.offer(0); step.fate != Plan::Step::kDrop) {
        after_input(step);
        continue;
      }
    }
    switch (streams_.next()) {
      case Streams::Next::kWait:
        return;
      case Streams::Next::kEnd:
        after_input(inner_.source_ended());
        break;
      case Streams::Next::kError:
        fail(*streams_.block()->error);
        break;
      case Streams::Next::kRecords:
        feed();
        break;
    }
  }
}

// The records at the head of the source.
void Gatherer::feed() {
  RecordBlock& block = *streams_.block();
  meet(block);
  if (accepted_ == 0) {
    // Without a shuffle a state is taken from where the source is: no further than the batch.
    const uint64_t most = mixer_.shuffles()
                              ? std::numeric_limits<uint64_t>::max()
                              : job_.batch_size - (open_job_ ? open_job_->rows.size() : 0);
    const Plan::Step step = inner_.offer(std::min<uint64_t>(streams_.available(), most));
    if (step.fate != Plan::Step::kDeliver) {
      if (step.fate != Plan::Step::kDrop) return after_input(step);
      untold_ = step.count;
      return settle();
    }
    accepted_ = step.count;
  }
  const uint64_t pass = pass_;
  const size_t first = streams_.first();
  const size_t n = std::min<uint64_t>(accepted_, streams_.available());
  for (size_t i = 0; i < n; ++i) {
    const ByteView& record = block.records[first + i];
    const Window::Entry entry{block.segment,
                              static_cast<uint32_t>(record.data - block.piece.bytes.data),
                              static_cast<uint32_t>(record.size), static_cast<uint32_t>(first + i)};
    --accepted_;
    ++untold_;
    const std::optional<Window::Entry> out = mixer_.push(entry);
    if (!out) continue;
    emit(*out);
    if (ended_ || pass != pass_) return;  // the source began anew
    if (batch_ == nullptr && !outbox_.has_room()) break;
  }
  settle();
}

// A block of which nothing has been seen yet: its memory becomes a segment.
void Gatherer::meet(RecordBlock& block) {
  if (block.segment != Window::kNone) return;
  set_mark();
  const uint64_t size = block.next_offset - block.offset_of(block.records.front());
  block.segment = mixer_.add_segment(
      std::move(block.piece.memory), size,
      {block.ordinal, block.piece.offset, static_cast<uint32_t>(block.file), Window::kNone});
}

// A record that comes out of the shuffle or, if there is none, out of the inner plan.
void Gatherer::emit(const Window::Entry& record) {
  if (outer_has_verbs_ && outer_.offer(1).fate == Plan::Step::kDrop) {
    mixer_.discard(record);
  } else {
    if (batch_ == nullptr) {
      batch_ = outbox_.open();
      if (spare_jobs_.empty()) spare_jobs_.push_back(std::make_unique<Job>());
      open_job_ = std::move(spare_jobs_.back());
      spare_jobs_.pop_back();
      open_job_->batch = batch_;
    }
    open_job_->rows.push_back(
        {mixer_.window().take(record), record.size, record.segment, record.index});
    ++records_;
    if (open_job_->rows.size() == job_.batch_size) {
      settle();
      close_batch(/*drop=*/false);
    }
  }
  if (outer_has_verbs_) {
    const Plan::Step step = outer_.offer(0);
    if (step.fate != Plan::Step::kDrop) after_output(step);
  }
}

// Tells the streams what has been taken.
void Gatherer::settle() {
  if (untold_ == 0) return;
  const RecordBlock& block = *streams_.block();
  const bool whole = streams_.first() + untold_ == block.records.size();
  streams_.take(untold_);
  untold_ = 0;
  if (!whole) return;
  mixer_.let_go(block.segment);
}

void Gatherer::after_input(Plan::Step step) {
  if (step.fate == Plan::Step::kNextPass) {
    mixer_.let_go_all();
    streams_.begin_pass(++pass_);
    set_mark();
  } else if (step.fate == Plan::Step::kEnd) {
    if (mixer_.shuffles()) {
      draining_ = true;
    } else {
      end_stream();
    }
  }
}

void Gatherer::after_output(Plan::Step step) {
  if (step.fate == Plan::Step::kEnd) {
    end_stream();
  } else if (step.fate == Plan::Step::kNextPass) {
    restart();
  }
}

// The next iteration of everything before the outer plan.
void Gatherer::restart() {
  mixer_.begin_again();
  accepted_ = untold_ = 0;
  draining_ = false;
  inner_.begin_again();
  streams_.begin_pass(++pass_);
  set_mark();
  // Of single examples the consumer must be able to tell which iteration each belongs to.
  if (job_.single && batch_ != nullptr) close_batch(/*drop=*/false);
}

void Gatherer::close_batch(bool drop) {
  Position end;
  if (mixer_.shuffles()) {
    mixer_.tell(end);
    end.outer = outer_.counters();
  } else {
    streams_.tell(end);
    end.plan = inner_.counters();
  }
  end.ended = ended_;
  batch_->hold();
  outbox_.close(batch_, open_job_->rows.size(), end, drop);
  batch_ = nullptr;
  jobs_.push_back(std::move(open_job_));
}

// By value: what streams have met goes when they pass over it.
void Gatherer::fail(Error error) {
  const bool goes_on = job_.goes_on_behind(error);
  if (goes_on) {
    mixer_.let_go_all();
    streams_.pass_over_error();
  }
  if (batch_ == nullptr) {
    batch_ = outbox_.open();
    open_job_ = std::make_unique<Job>();
    open_job_->batch = batch_;
  }
  batch_->fail(open_job_->rows.size(), error);
  close_batch(/*drop=*/false);
  if (!goes_on) end_stream();
}

void Gatherer::end_stream() {
  ended_ = true;
  if (batch_ != nullptr) close_batch(job_.drop_remainder);
  outbox_.end_stream();
  work_.notify_all();
}

// --- parsing, without the lock ---

void Gatherer::gather(const Job& job, Worker& worker) {
  worker.segments.clear();
  for (const Row& row : job.rows) {
    if (row.segment >= worker.counts.size()) worker.counts.resize(row.segment + 1);
    if (worker.counts[row.segment]++ == 0) worker.segments.push_back(row.segment);
  }
  std::vector<ByteView>& records = worker.records;
  for (size_t first = 0; first < job.rows.size(); first += records.size()) {
    records.clear();
    size_t bytes = 0;
    for (size_t i = first; i < job.rows.size() && bytes < kGroupBytes && i - first < kGroupRows;
         ++i) {
      records.push_back({job.rows[i].data, job.rows[i].size});
      bytes += job.rows[i].size;
    }
    worker.filler.fill(*job.batch, first, records, outbox_.stopwatch(),
                       [&](size_t record) { return provenance(job.rows[first + record]); });
  }
  outbox_.release(job.batch);
}

Provenance Gatherer::provenance(const Row& row) {
  std::lock_guard lock(mutex_);
  const Window::Origin origin = mixer_.window().origin(row.segment, row.index, row.data);
  return {job_.files[origin.file], static_cast<int64_t>(origin.ordinal),
          static_cast<int64_t>(origin.offset - kHeaderSize)};
}

}  // namespace headrace
