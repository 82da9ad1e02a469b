// What one thread at a time does: the order.
#include <algorithm>
#include <limits>
#include <utility>

#include "gatherer.h"
#include "record.h"

namespace headrace {

// The window can be filled again from here.
void Gatherer::set_mark() {
  if (!mixer_.shuffles()) return;
  Position at;
  streams_.tell(at);
  at.plan = inner_.counters();
  mixer_.mark(std::move(at));
}

// As far as what has been read allows, and room for batches.
void Gatherer::advance() {
  while (!ended_) {
    if (batch_ == nullptr && (enough_ || !has_room())) return;
    if (draining_) {
      if (!displaced_) {
        hand_out_placed();
        if (placing()) return;  // these rows will be written by others
        placer_.clear();
        displaced_ = true;
      }
      if (mixer_.left() == 0) {
        after_output(outer_.source_ended());
      } else {
        emit(next_out(mixer_.left()), [&] { return mixer_.draw(); });
        emitted();
      }
      continue;
    }
    if (accepted_ == 0) {
      if (const Plan::Step step = inner_.offer(0); step.fate != Plan::Step::kDrop) {
        after_input(step);
        continue;
      }
    }
    switch (next()) {
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

// If not, batch_taken() will say when: it looks behind what the outbox does, and here it is told
// before.
bool Gatherer::has_room() {
  if (outbox_.has_room()) return true;
  no_room_ = true;
  return outbox_.has_room();
}

Streams::Next Gatherer::next() {
  if (streams_.have_records()) return Streams::Next::kRecords;
  Streams::Next next;
  {
    std::lock_guard lock(mutex_);
    next = streams_.next();
    wake_one();  // blocks that are done with make room for others
    std::swap(returned_, taken_back_);
  }
  for (const auto& [segment, records] : taken_back_) mixer_.window().give_back(segment, records);
  taken_back_.clear();
  return next;
}

// The records at the head of the source.
void Gatherer::feed() {
  RecordBlock& block = *streams_.block();
  meet(block);
  if (accepted_ == 0) {
    // Without a shuffle a state is taken from where the source is: no further than the batch.
    const uint64_t most = mixer_.shuffles() ? std::numeric_limits<uint64_t>::max() : room();
    const Plan::Step step = inner_.offer(std::min<uint64_t>(streams_.available(), most));
    if (step.fate != Plan::Step::kDeliver) {
      if (step.fate != Plan::Step::kDrop) return after_input(step);
      untold_ = step.count;
      return settle();
    }
    accepted_ = step.count;
  }
  const ByteView* record = &block.records[streams_.first()];
  auto index = static_cast<uint32_t>(streams_.first());
  const ByteView bytes = block.piece.bytes;
  const size_t lead = block.piece.lead();
  const auto entry = [&] {
    const auto at = static_cast<uint32_t>(lead + static_cast<size_t>(record->data - bytes.data));
    return Window::Entry{block.segment, at, static_cast<uint32_t>(record++->size), index++};
  };
  const size_t n = std::min<uint64_t>(accepted_, streams_.available());
  if (mixer_.steady()) {
    const Plan::Step step = next_out(n);
    if (block.shared) {
      if (placer_.is_elsewhere(block)) hand_out_placed();
      emit(step, [&] { return mixer_.exchange(place(entry(), block)); });
    } else {
      uint64_t bytes = 0;
      emit(step, [&] {
        const Window::Entry in = entry();
        bytes += in.size;
        return mixer_.exchange(in);
      });
      mixer_.entered(block.segment, static_cast<uint32_t>(step.count), bytes);
    }
    accepted_ -= step.count;
    untold_ = step.count;
    emitted();
  } else {
    for (; untold_ < n && !mixer_.steady(); ++untold_) mixer_.push(entry());
    accepted_ -= untold_;
  }
  settle();
}

// The record that goes in next is parsed now, for the row that it will be drawn for, unless that is
// far.
Window::Entry Gatherer::place(const Window::Entry& record, const RecordBlock& block) {
  Window& window = mixer_.window();
  const uint64_t draw = mixer_.draw_of_next();
  mixer_.entered();
  if (draw == Forecast::kFar || !placer_.place(batch_, draw - first_draw_, window, record, block)) {
    return window.keep(record, block.piece.bytes.data - block.piece.lead() + record.at);
  }
  window.add_placed(record.segment);
  return {record.segment, record.at, record.size, record.index, 1};
}

void Gatherer::hand_out_placed() {
  std::unique_ptr<PlaceJob> job = placer_.take_job();
  if (!job) return;
  std::lock_guard lock(mutex_);
  job->number = done_placing_ + placed_.size();
  placed_.push_back(false);
  place_jobs_.push_back(std::move(job));
  if (!spare_place_jobs_.empty()) {
    placer_.recycle(std::move(spare_place_jobs_.back()));
    spare_place_jobs_.pop_back();
  }
  wake_one();
}

bool Gatherer::placing() {
  std::lock_guard lock(mutex_);
  return !placed_.empty();
}

// A block of which nothing has been seen yet: it becomes a segment, with its memory if that may be
// kept.
void Gatherer::meet(RecordBlock& block) {
  if (block.segment != Window::kNone) return;
  set_mark();
  if (job_.single) {
    for (const ByteView& record : block.records) {
      largest_ = std::max<uint64_t>(largest_, record.size);
    }
  }
  const uint64_t size = block.next_offset - block.offset_of(block.records.front());
  // If it is not shared, all its records wait in the window.
  if (placer_.horizon() != 0 && mixer_.steady()) {
    block.shared = std::make_shared<Buffer>(std::move(block.piece.memory));
  }
  const bool keep = !mixer_.shuffles() || mixer_.window().memory() + size <= most_kept_;
  block.segment = mixer_.add_segment(keep ? std::move(block.piece.memory) : Buffer(), size,
                                     {block.ordinal, block.piece.offset - block.piece.lead(),
                                      static_cast<uint32_t>(block.file), Window::kNone});
}

// How many records the open batch may still take, whatever their sizes; at least one.
size_t Gatherer::room() const {
  const size_t most = job_.batch_size - open_job_->rows.size();
  if (!job_.single) return most;
  return std::clamp<uint64_t>((LoaderJob::kVehicle - open_bytes_) / largest_, 1, most);
}

// How many of the records that come out of the shuffle (of the inner plan, if there is none) are
// for this batch, or not wanted.
Plan::Step Gatherer::next_out(size_t available) {
  const size_t n = std::min(available, room());
  return outer_has_verbs_ ? outer_.offer(n) : Plan::Step{Plan::Step::kDeliver, n};
}

// next() gives one after another.
template <class Next>
void Gatherer::emit(const Plan::Step& step, Next next) {
  if (step.fate == Plan::Step::kDrop) {
    for (uint64_t i = 0; i < step.count; ++i) mixer_.discard(next());
    return;
  }
  if (batch_ == nullptr) open_batch();
  std::vector<RowJob::Row>& rows = open_job_->rows;
  Window& window = mixer_.window();
  const size_t first = rows.size();
  if (mixer_.shuffles()) first_draw_ = mixer_.drawn() - first;
  rows.resize(first + step.count);
  for (size_t i = first; i < rows.size(); ++i) {
    Window::Entry record = next();
    if (record.placed != 0) {
      if (!draining_) {
        window.take_placed(record);
        rows[i].segment = Window::kNone;
        open_job_->has_placed = true;
        continue;
      }
      window.displace(record);
    }
    rows[i] = {window.take(record), record.size, record.segment, record.index, record.at};
    open_bytes_ += record.size;
    if (rows[i].data != nullptr) continue;
    const Window::Origin origin = window.origin(record.segment, record.index, record.at);
    open_job_->places.push_back({origin.file, origin.offset - kHeaderSize, record.size});
  }
}

void Gatherer::emitted() {
  if (job_.is_full(open_job_->rows.size(), open_bytes_)) {
    settle();
    close_batch(/*drop=*/false);
  }
  if (outer_has_verbs_) {
    const Plan::Step step = outer_.offer(0);
    if (step.fate != Plan::Step::kDrop) after_output(step);
  }
}

// Tells the streams what has been taken.
void Gatherer::settle() {
  if (untold_ == 0) return;
  RecordBlock& block = *streams_.block();
  const bool whole = streams_.first() + untold_ == block.records.size();
  streams_.take(untold_);
  untold_ = 0;
  if (!whole) return;
  block.shared.reset();
  hand_out_placed();
  mixer_.let_go(block.segment);
}

void Gatherer::after_input(Plan::Step step) {
  if (step.fate == Plan::Step::kNextPass) {
    mixer_.let_go_all();
    begin_pass();
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

void Gatherer::begin_pass() {
  {
    std::lock_guard lock(mutex_);
    streams_.begin_pass(++pass_);
    wake_one();
  }
  set_mark();
}

// The next iteration of everything before the outer plan.
void Gatherer::restart() {
  mixer_.begin_again();
  accepted_ = untold_ = 0;
  draining_ = displaced_ = false;
  inner_.begin_again();
  begin_pass();
  // Of single examples the consumer must be able to tell which iteration each belongs to.
  if (job_.single && batch_ != nullptr) close_batch(/*drop=*/false);
}

void Gatherer::open_batch() {
  batch_ = outbox_.open(placer_.next());
  open_job_->batch = batch_;
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
  hand_out_placed();
  batch_->hold();
  {
    std::lock_guard lock(mutex_);
    if (!placed_.empty()) {
      batch_->hold();
      unplaced_.emplace_back(done_placing_ + placed_.size(), batch_);
    }
  }
  outbox_.close(batch_, open_job_->rows.size(), end, drop);
  batch_ = nullptr;
  open_bytes_ = 0;
  std::lock_guard lock(mutex_);
  records_ += open_job_->rows.size();
  jobs_.push_back(std::move(open_job_));
  enough_ = jobs_.size() >= kEnoughJobs;
  if (spare_jobs_.empty()) spare_jobs_.push_back(std::make_unique<RowJob>());
  open_job_ = std::move(spare_jobs_.back());
  spare_jobs_.pop_back();
  wake_one();
}

// By value: what streams have met goes when they pass over it.
void Gatherer::fail(Error error) {
  const bool goes_on = job_.goes_on_behind(error);
  if (goes_on) {
    mixer_.let_go_all();
    std::lock_guard lock(mutex_);
    streams_.pass_over_error();
  }
  if (batch_ == nullptr) open_batch();
  batch_->fail(open_job_->rows.size(), error);
  close_batch(/*drop=*/false);
  if (!goes_on) end_stream();
}

void Gatherer::end_stream() {
  ended_ = true;
  if (batch_ != nullptr) close_batch(job_.drop_remainder);
  outbox_.end_stream();
  std::lock_guard lock(mutex_);
  done_ = true;
  work_.notify_all();
}

}  // namespace headrace
