#include "gatherer.h"

#include <algorithm>
#include <limits>

#include "record.h"

namespace headrace {
namespace {

constexpr size_t kGroupBytes = size_t{256} << 10;  // parsed at a time, to stay in the cache
constexpr size_t kGroupRows = 4096;
constexpr int64_t kCachedWindow = 20'000;  // records whose entries stay in the cache

const Verb* find_shuffle(const std::vector<Verb>& verbs) {
  const auto found = std::find_if(verbs.begin(), verbs.end(),
                                  [](const Verb& verb) { return verb.kind == Verb::kShuffle; });
  return found == verbs.end() ? nullptr : &*found;
}

std::vector<Verb> verbs_before(const std::vector<Verb>& verbs, const Verb* shuffle) {
  return shuffle == nullptr ? verbs : std::vector<Verb>(verbs.data(), shuffle);
}

std::vector<Verb> verbs_behind(const std::vector<Verb>& verbs, const Verb* shuffle) {
  if (shuffle == nullptr) return {};
  return std::vector<Verb>(shuffle + 1, verbs.data() + verbs.size());
}

Streams::Rules rules_of(const LoaderJob& job) {
  const uint64_t slots = job.interleaving.slots;
  return {.slots = slots,
          .turn_length = job.interleaving.turn_length,
          .fill_on_visit = job.interleaving.fill_on_visit,
          .repeats = job.may_repeat(),
          .on_corruption = job.on_corruption,
          .verify = job.options.verify,
          .block_size = job.block_size(),
          .ahead = std::max<uint64_t>(8, 2 * slots)};
}

}  // namespace

Gatherer::Gatherer(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout, Outbox& outbox)
    : job_(job), layout_(std::move(layout)), outbox_(outbox), shuffle_verb_(find_shuffle(job.verbs)),
      streams_(job.files, rules_of(job)), inner_(verbs_before(job.verbs, shuffle_verb_)),
      outer_(verbs_behind(job.verbs, shuffle_verb_)), outer_has_verbs_(!outer_.counters().empty()),
      large_(shuffle_verb_ != nullptr && shuffle_verb_->a > kCachedWindow) {}

// --- positions ---

Position Gatherer::beginning() const {
  Position position;
  position.plan = inner_.counters();
  position.outer = outer_.counters();
  if (shuffle_verb_ != nullptr) position.iteration = static_cast<uint64_t>(shuffle_verb_->b);
  return position;
}

bool Gatherer::contains(const Position& position) const {
  const std::vector<uint64_t>& sizes = streams_.sizes();
  const auto inside = [&](uint64_t file, uint64_t offset) {
    return file < sizes.size() ? offset <= sizes[file] : file == sizes.size() && offset == 0;
  };
  const uint64_t slots = job_.interleaving.slots;
  return inside(position.file, position.offset) &&
         (position.slots.empty() || position.slots.size() == slots) && position.turn < slots &&
         std::all_of(position.slots.begin(), position.slots.end(),
                     [&](const OpenFile& slot) { return !slot.open || inside(slot.file, slot.offset); }) &&
         position.plan.size() == inner_.counters().size() &&
         position.outer.size() == outer_.counters().size() && position.drawn <= position.pushed &&
         position.input <= position.pushed &&
         (shuffle_verb_ == nullptr ||
          position.pushed - position.drawn <= static_cast<uint64_t>(shuffle_verb_->a));
}

void Gatherer::start_at(const Position& position) {
  std::lock_guard lock(mutex_);
  pass_ = position.pass;
  iteration_ = position.iteration;
  inner_.restore(position.plan);
  outer_.restore(position.outer);
  streams_.go_to(position);
  if (shuffle_verb_ != nullptr) {
    const auto size = static_cast<uint64_t>(shuffle_verb_->a);
    const Philox generator = shuffle_verb_->seeds.iterator(iteration_);
    shuffle_.emplace(size, generator);
    input_ = position.input;
    if (position.pushed > 0) {
      shuffle_->resume(position.drawn, position.pushed);
      const auto contents = Shuffle::contents(size, generator, position.drawn, position.pushed);
      for (uint64_t place = 0; place < contents.size(); ++place) {
        if (contents[place] != Shuffle::kNothing) refill_.wanted.push_back({contents[place], place});
      }
      std::sort(refill_.wanted.begin(), refill_.wanted.end(),
                [](const auto& a, const auto& b) { return a.input < b.input; });
      refill_.until = position.pushed;
    }
  }
  set_mark();
  if (position.ended) return end_stream();
  after_output(outer_.offer(0));
}

// The window can be filled again from here.
void Gatherer::set_mark() {
  if (shuffle_verb_ == nullptr) return;
  while (marks_.size() > 1 && marks_.front().live == 0) {
    marks_.pop_front();
    ++first_mark_;
  }
  Mark mark;
  streams_.tell(mark.at);
  mark.at.plan = inner_.counters();
  mark.at.input = input_;
  marks_.push_back(std::move(mark));
}

// --- threads ---

void Gatherer::work() {
  Filler filler(job_, layout_);
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
      gather(*job, filler);
      lock.lock();
      slow_records_ += filler.take_slow_records();
      for (const Row& row : job->rows) window_.unpin(row.segment);
      job->rows.clear();
      spare_jobs_.push_back(std::move(job));
      continue;
    }
    if (ended_) return work_.notify_all();
    if (std::unique_ptr<Streams::Errand> errand = streams_.claim()) {
      work_.notify_one();
      lock.unlock();
      streams_.read(*errand);
      lap.end(Stage::kRead);
      lock.lock();
      streams_.framed(*errand);
      work_.notify_one();
      lock.unlock();
      lap.end(Stage::kWaitTurn);
      streams_.check(*errand);
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
      if (shuffle_->empty()) {
        after_output(outer_.source_ended());
      } else {
        emit(shuffle_->draw());
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
      case Streams::Next::kWait: return;
      case Streams::Next::kEnd: after_input(inner_.source_ended()); break;
      case Streams::Next::kError: fail(*streams_.block()->error); break;
      case Streams::Next::kRecords: feed(); break;
    }
  }
}

// The records at the head of the source.
void Gatherer::feed() {
  RecordBlock& block = *streams_.block();
  meet(block);
  if (accepted_ == 0) {
    // Without a shuffle a state is taken from where the source is: no further than the batch.
    const uint64_t most = shuffle_ ? std::numeric_limits<uint64_t>::max()
                                   : job_.batch_size - (open_job_ ? open_job_->rows.size() : 0);
    const Plan::Step step = inner_.offer(std::min<uint64_t>(streams_.available(), most));
    if (step.fate != Plan::Step::kDeliver) {
      if (step.fate != Plan::Step::kDrop) return after_input(step);
      untold_ = step.count;
      return settle();
    }
    accepted_ = step.count;
  }
  const uint64_t pass = pass_, iteration = iteration_;
  const size_t first = streams_.first();
  const size_t n = std::min<uint64_t>(accepted_, streams_.available());
  for (size_t i = 0; i < n; ++i) {
    const ByteView& record = block.records[first + i];
    --accepted_;
    ++untold_;
    ++input_;
    if (refill_.until >= input_) {  // it had gone in before the restart
      if (refill_.next == refill_.wanted.size() ||
          refill_.wanted[refill_.next].input != input_ - 1) {
        continue;
      }
      shuffle_->set(refill_.wanted[refill_.next++].place, keep(block, record));
      continue;
    }
    if (shuffle_) {
      shuffle_->push(keep(block, record));
      if (!shuffle_->full()) continue;
      if (large_) {  // the draws are known beforehand, and each looks somewhere else in memory
        shuffle_->prefetch(24);
        window_.prefetch_entry(shuffle_->glimpse(16));
      }
    }
    emit(shuffle_ ? shuffle_->draw() : keep(block, record));
    if (ended_ || pass != pass_ || iteration != iteration_) return;  // the source began anew
    if (batch_ == nullptr && !outbox_.has_room()) break;
  }
  settle();
}

// A block of which nothing has been seen yet: its memory becomes a segment.
void Gatherer::meet(RecordBlock& block) {
  if (block.segment != Window::kNone) return;
  block.segment = window_.add_segment(std::move(block.piece.memory));
  while (!origins_.empty() && origins_.front().live == 0) {
    origins_.pop_front();
    ++first_origin_;
  }
  origins_.push_back({block.file, block.piece.offset, block.ordinal, /*live=*/1});
  block.origin = first_origin_ + static_cast<uint32_t>(origins_.size()) - 1;
  arriving_.push_back({block.segment, block.origin});
  set_mark();
}

uint32_t Gatherer::keep(RecordBlock& block, const ByteView& record) {
  Window::Entry entry;
  entry.segment = block.segment;
  entry.at = static_cast<uint32_t>(record.data - block.piece.bytes.data);
  entry.size = static_cast<uint32_t>(record.size);
  entry.block = block.origin;
  entry.delta = entry.at;
  entry.index = static_cast<uint32_t>(&record - block.records.data());
  ++origins_[entry.block - first_origin_].live;
  if (!marks_.empty()) {
    entry.mark = first_mark_ + static_cast<uint32_t>(marks_.size()) - 1;
    ++marks_.back().live;
  }
  return window_.add(entry);
}

Window::Entry Gatherer::take(uint32_t record) {
  const Window::Entry entry = window_.take(record);
  --origins_[entry.block - first_origin_].live;
  if (!marks_.empty()) --marks_[entry.mark - first_mark_].live;
  return entry;
}

void Gatherer::discard(uint32_t record) { window_.unpin(take(record).segment); }

// A record that comes out of the shuffle or, if there is none, out of the inner plan.
void Gatherer::emit(uint32_t record) {
  if (outer_has_verbs_ && outer_.offer(1).fate == Plan::Step::kDrop) {
    discard(record);
  } else {
    if (batch_ == nullptr) {
      batch_ = outbox_.open();
      if (spare_jobs_.empty()) spare_jobs_.push_back(std::make_unique<Job>());
      open_job_ = std::move(spare_jobs_.back());
      spare_jobs_.pop_back();
      open_job_->batch = batch_;
    }
    const ByteView data = window_.data(window_[record]);
    const Origin& origin = origins_[window_[record].block - first_origin_];
    const Row row{data, window_[record].segment, origin.file,
                  origin.ordinal + window_[record].index,
                  origin.offset + window_[record].delta - kHeaderSize};
    take(record);
    open_job_->rows.push_back(row);
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
  const auto arrived = std::find_if(arriving_.begin(), arriving_.end(), [&](const Arriving& a) {
    return a.segment == block.segment;
  });
  let_go(*arrived);
  arriving_.erase(arrived);
}

void Gatherer::let_go(const Arriving& arriving) {
  window_.let_go(arriving.segment);
  --origins_[arriving.origin - first_origin_].live;
}

void Gatherer::after_input(Plan::Step step) {
  if (step.fate == Plan::Step::kNextPass) {
    let_go_all();
    streams_.begin_pass(++pass_);
    set_mark();
  } else if (step.fate == Plan::Step::kEnd) {
    if (shuffle_) {
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
  while (!shuffle_->empty()) {
    const uint32_t record = shuffle_->draw();
    if (record != Shuffle::kUnset) discard(record);  // behind a restart all may not have come yet
  }
  let_go_all();
  accepted_ = untold_ = input_ = 0;
  refill_ = {};
  draining_ = false;
  inner_.begin_again();
  streams_.begin_pass(++pass_);
  shuffle_.emplace(static_cast<uint64_t>(shuffle_verb_->a),
                   shuffle_verb_->seeds.iterator(++iteration_));
  set_mark();
  // Of single examples the consumer must be able to tell which iteration each belongs to.
  if (job_.single && batch_ != nullptr) close_batch(/*drop=*/false);
}

void Gatherer::let_go_all() {
  for (const Arriving& arriving : arriving_) let_go(arriving);
  arriving_.clear();
}

void Gatherer::close_batch(bool drop) {
  Position end;
  if (shuffle_) {
    while (marks_.size() > 1 && marks_.front().live == 0) {
      marks_.pop_front();
      ++first_mark_;
    }
    end = marks_.front().at;
    end.iteration = iteration_;
    end.drawn = shuffle_->drawn();
    end.pushed = shuffle_->pushed();
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
    let_go_all();
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

void Gatherer::gather(Job& job, Filler& filler) {
  std::vector<ByteView>& records = job.records;
  for (size_t first = 0; first < job.rows.size(); first += records.size()) {
    records.clear();
    size_t bytes = 0;
    for (size_t i = first; i < job.rows.size() && bytes < kGroupBytes && i - first < kGroupRows; ++i) {
      records.push_back(job.rows[i].data);
      bytes += job.rows[i].data.size;
    }
    filler.fill(*job.batch, first, records, outbox_.stopwatch(), [&](size_t record) {
      const Row& row = job.rows[first + record];
      return Provenance{job_.files[row.file], static_cast<int64_t>(row.ordinal),
                        static_cast<int64_t>(row.offset)};
    });
  }
  outbox_.release(job.batch);
}

}  // namespace headrace
