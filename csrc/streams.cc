#include "streams.h"

#include <algorithm>

#include "record.h"

namespace headrace {
namespace {

constexpr uint64_t kUnframed = 4;                // blocks of a file that are read at the same time
constexpr size_t kDense = 8;                     // records of a block
constexpr uint64_t kLarge = uint64_t{32} << 10;  // bytes of a record

}  // namespace

Streams::Rules Streams::Rules::of(const LoaderJob& job, uint64_t buffer) {
  const uint64_t slots = job.interleaving.slots;
  return {.slots = slots,
          .turn_length = job.interleaving.turn_length,
          .fill_on_visit = job.interleaving.fill_on_visit,
          .repeats = job.may_repeat(),
          .on_corruption = job.on_corruption,
          .verify = job.options.verify,
          .block_size = job.block_size(buffer - BlockRead::kBehind - kSlop - Piece::kMostLead),
          .ahead = std::max<uint64_t>(8, 2 * slots)};
}

Streams::Streams(std::vector<std::string> files, Rules rules)
    : files_(std::move(files)), rules_(rules), slots_(rules.slots) {
  for (const std::string& path : files_) {
    try {
      sizes_.push_back(check_local(path).size);
    } catch (const Error&) {
      if (rules_.on_corruption != OnCorruption::kTf) throw;
      sizes_.push_back(1);  // not empty: it has its turn, and the trouble then
    }
  }
}

std::shared_ptr<Streams::Reading> Streams::begin(uint64_t pass, uint64_t file) {
  auto reading = std::make_shared<Reading>();
  reading->pass = pass;
  reading->file = file;
  reading->ended = sizes_[file] == 0;
  return reading;
}

// --- reading ahead ---

bool Streams::wants_block(const Reading& reading, uint64_t most) const {
  if (reading.ended || reading.blocks.size() >= most) return false;
  const uint64_t unframed = reading.claimed - reading.framed;
  return unframed == 0 ||
         (reading.dense && unframed < kUnframed && reading.read_limit < sizes_[reading.file]);
}

std::unique_ptr<Streams::Errand> Streams::claim() {
  for (const Readings* readings : {&slots_, &upcoming_}) {
    for (const auto& reading : *readings) {
      if (reading && !reading->waiting.empty()) {
        if (auto errand = take_waiting(reading)) return errand;
      }
    }
  }
  // What the order waits for comes first, then what it will want soon.
  const uint64_t turn = turn_;
  for (const uint64_t most : {uint64_t{1}, std::max<uint64_t>(2, rules_.ahead / rules_.slots)}) {
    for (uint64_t i = 0; i < slots_.size(); ++i) {
      const auto& reading = slots_[(turn + i) % slots_.size()];
      if (reading && wants_block(*reading, most)) return errand_for(reading);
    }
  }
  if (under_way_ >= 2 * rules_.ahead) return nullptr;
  for (const auto& reading : upcoming_) {
    if (wants_block(*reading, 2)) return errand_for(reading);
  }
  if (upcoming_.size() >= rules_.ahead || files_.empty()) return nullptr;
  uint64_t pass = pass_, file = next_file_;
  if (!upcoming_.empty()) {
    pass = upcoming_.back()->pass;
    file = upcoming_.back()->file + 1;
  }
  if (file >= files_.size()) {
    if (!rules_.repeats) return nullptr;
    ++pass;
    file = 0;
  }
  upcoming_.push_back(begin(pass, file));
  return wants_block(*upcoming_.back(), 1) ? errand_for(upcoming_.back()) : nullptr;
}

std::unique_ptr<Streams::Errand> Streams::errand_for(std::shared_ptr<Reading> reading) {
  auto errand = std::make_unique<Errand>();
  errand->number = reading->claimed;
  // Blocks end where they would if nobody read ahead: the order of events follows from them.
  errand->offset = reading->claimed == reading->framed ? reading->read_offset : reading->read_limit;
  errand->limit = (errand->offset / rules_.block_size + 1) * rules_.block_size;
  errand->limit = std::min(errand->limit, sizes_[reading->file]);
  errand->room = reading->overrun;
  errand->source = reading->source;
  errand->path = files_[reading->file];
  errand->file_size = sizes_[reading->file];
  errand->on_corruption = rules_.on_corruption;
  errand->verify = rules_.verify;
  errand->headers_first = reading->large && rules_.on_corruption == OnCorruption::kRaise &&
                          reading->claimed == reading->framed;
  errand->block->file = reading->file;
  reading->read_limit = errand->limit;
  reading->blocks.push_back(nullptr);
  ++reading->claimed;
  ++under_way_;
  errand->reading = std::move(reading);
  return errand;
}

bool Streams::arrive(std::unique_ptr<Errand>& errand) {
  // What waits in a reading must not keep it alive.
  const std::shared_ptr<Reading> reading = std::move(errand->reading);
  if (reading->dropped || errand->number >= reading->claimed) {  // the file has ended before it
    --under_way_;
    return false;
  }
  reading->waiting.push_back(std::move(errand));
  errand = take_waiting(reading);
  return errand != nullptr;
}

// The one whose turn has come, if it is there.
std::unique_ptr<Streams::Errand> Streams::take_waiting(const std::shared_ptr<Reading>& reading) {
  const auto found = std::find_if(reading->waiting.begin(), reading->waiting.end(),
                                  [&](const auto& e) { return e->number == reading->framed; });
  if (found == reading->waiting.end()) return nullptr;
  std::unique_ptr<Errand> errand = std::move(*found);
  reading->waiting.erase(found);
  errand->offset = reading->read_offset;
  errand->ordinal = reading->read_ordinal;
  errand->reading = reading;
  return errand;
}

void Streams::framed(const Errand& errand) {
  Reading& reading = *errand.reading;
  const RecordBlock& block = *errand.block;
  ++reading.framed;
  reading.source = errand.source;
  reading.read_offset = block.next_offset;
  reading.read_ordinal = errand.ordinal + block.records.size();
  reading.dense = block.records.size() >= kDense;
  reading.large = !reading.dense && !block.records.empty() &&
                  (block.next_offset - errand.offset) / block.records.size() >= kLarge;
  if (block.next_offset > errand.limit) {
    reading.overrun = std::max(reading.overrun, block.next_offset - errand.limit);
  }
  if (!block.ends_file) return;
  // What was read behind it was read in vain.
  reading.ended = true;
  reading.source.reset();
  reading.claimed = reading.framed;
  under_way_ -= reading.waiting.size();
  reading.waiting.clear();
  if (!reading.dropped) reading.blocks.resize(reading.framed - reading.popped);
}

void Streams::deliver(std::unique_ptr<Errand> errand) {
  Reading& reading = *errand->reading;
  damage_.places += errand->damage.places;
  damage_.bytes += errand->damage.bytes;
  damage_.files += errand->damage.files;
  bytes_read_ += errand->block->piece.bytes.size;
  if (reading.dropped) {
    --under_way_;
    return;
  }
  reading.blocks[errand->number - reading.popped] = std::move(errand->block);
}

// --- the order ---

// tf.data's two interleavings differ in when a slot gets its next file. num_parallel_reads: when
// the slot is found exhausted, which also costs it its turn. Dataset.interleave: when an empty slot
// is visited. (tensorflow/core/kernels/data/experimental/parallel_interleave_dataset_op.cc and
// interleave_dataset_op.cc.)
Streams::Next Streams::next() {
  for (;;) {
    if (have_records()) return Next::kRecords;
    const bool left = next_file_ < files_.size();
    if (!left && std::all_of(slots_.begin(), slots_.end(), [](const auto& r) { return !r; })) {
      return Next::kEnd;
    }
    if (!slots_[turn_]) {
      if (!left || !rules_.fill_on_visit) {
        next_turn();
        continue;
      }
      open_next(turn_);
    }
    Reading& reading = *slots_[turn_];
    while (!reading.blocks.empty()) {
      if (!reading.blocks.front()) return Next::kWait;
      reading.front = reading.blocks.front().get();
      if (have_records()) return Next::kRecords;
      current_ = reading.front;
      if (current_->error) return Next::kError;
      reading.offset = current_->next_offset;
      reading.front = nullptr;
      reading.blocks.pop_front();
      --under_way_;
      ++reading.popped;
      reading.first = 0;
    }
    if (!reading.ended) return Next::kWait;
    slots_[turn_].reset();
    if (left && !rules_.fill_on_visit) open_next(turn_);
    next_turn();
  }
}

bool Streams::have_records() {
  const auto& reading = slots_[turn_];
  if (!reading || reading->front == nullptr) return false;
  const size_t n = reading->front->records.size();
  if (reading->first == n) return false;
  current_ = reading->front;
  first_ = reading->first;
  available_ = std::min<uint64_t>(n - first_, rules_.turn_length - in_turn_);
  return true;
}

void Streams::take(size_t n) {
  Reading& reading = *slots_[turn_];
  reading.first += n;
  reading.ordinal += n;
  first_ += n;
  available_ -= n;
  const ByteView& last = current_->records[reading.first - 1];
  reading.offset = current_->offset_of(last) + kHeaderSize + last.size + kFooterSize;
  in_turn_ += n;
  if (in_turn_ == rules_.turn_length) next_turn();
}

void Streams::pass_over_error() {
  drop(*slots_[turn_]);
  if (++in_turn_ == rules_.turn_length) next_turn();
}

void Streams::open_next(uint64_t slot) {
  if (!upcoming_.empty()) {
    slots_[slot] = std::move(upcoming_.front());
    upcoming_.pop_front();
  } else {
    slots_[slot] = begin(pass_, next_file_);
  }
  ++next_file_;
}

void Streams::next_turn() {
  turn_.store((turn_ + 1) % slots_.size(), std::memory_order_relaxed);
  in_turn_ = 0;
}

// Nothing more of this file.
void Streams::drop(Reading& reading) {
  for (const auto& block : reading.blocks) under_way_ -= block != nullptr;
  under_way_ -= reading.waiting.size();
  reading.front = nullptr;
  reading.blocks.clear();
  reading.waiting.clear();
  reading.ended = reading.dropped = true;
}

void Streams::begin_pass(uint64_t pass) {
  for (auto& reading : slots_) {
    if (reading) drop(*reading);
    reading.reset();
  }
  while (!upcoming_.empty() && upcoming_.front()->pass != pass) {
    drop(*upcoming_.front());
    upcoming_.pop_front();
  }
  pass_ = pass;
  next_file_ = turn_ = in_turn_ = 0;
  if (rules_.fill_on_visit) return;
  for (uint64_t i = 0; i < slots_.size() && next_file_ < files_.size(); ++i) open_next(i);
}

void Streams::go_to(const Position& position) {
  const auto resume = [&](const OpenFile& at) {
    auto reading = begin(position.pass, at.file);
    reading->read_offset = reading->offset = at.offset;
    reading->read_ordinal = reading->ordinal = at.ordinal;
    reading->ended = at.offset >= sizes_[at.file];
    return reading;
  };
  if (position.slots.empty() && position.file == 0 && position.offset == 0) {
    return begin_pass(position.pass);
  }
  pass_ = position.pass;
  next_file_ = position.file;
  turn_ = position.turn;
  in_turn_ = position.in_turn;
  if (position.slots.empty()) {
    if (position.file < files_.size()) {
      slots_[0] = resume({position.file, position.offset, position.ordinal, true});
      ++next_file_;
    }
    return;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (position.slots[i].open) slots_[i] = resume(position.slots[i]);
  }
}

bool Streams::contains(const Position& position) const {
  const auto inside = [&](uint64_t file, uint64_t offset) {
    return file < sizes_.size() ? offset <= sizes_[file] : file == sizes_.size() && offset == 0;
  };
  return inside(position.file, position.offset) &&
         (position.slots.empty() || position.slots.size() == rules_.slots) &&
         position.turn < rules_.slots &&
         std::all_of(position.slots.begin(), position.slots.end(), [&](const OpenFile& slot) {
           return !slot.open || inside(slot.file, slot.offset);
         });
}

void Streams::tell(Position& position) const {
  position.pass = pass_;
  position.file = next_file_;
  position.offset = position.ordinal = 0;
  position.turn = turn_;
  position.in_turn = in_turn_;
  position.slots.clear();
  if (slots_.size() == 1) {
    position.turn = position.in_turn = 0;
    if (const auto& reading = slots_[0]) {
      position.file = reading->file;
      position.offset = reading->offset;
      position.ordinal = reading->ordinal;
    }
    return;
  }
  for (const auto& reading : slots_) {
    position.slots.push_back(
        reading ? OpenFile{reading->file, reading->offset, reading->ordinal, true} : OpenFile{});
  }
}

}  // namespace headrace
