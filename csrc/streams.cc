#include "streams.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr uint64_t kSlack = 4096;  // read behind a block for the end of its last record

}  // namespace

uint64_t RecordBlock::offset_of(const ByteView& record) const {
  return piece.offset + static_cast<uint64_t>(record.data - piece.bytes.data) - kHeaderSize;
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
  return !reading.claimed && !reading.ended && reading.blocks.size() < most;
}

std::unique_ptr<Streams::Errand> Streams::claim() {
  // What the order waits for comes first, then what it will want soon.
  for (const uint64_t most : {uint64_t{1}, std::max<uint64_t>(2, rules_.ahead / rules_.slots)}) {
    for (uint64_t i = 0; i < slots_.size(); ++i) {
      const auto& reading = slots_[(turn_ + i) % slots_.size()];
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
  errand->number = reading->popped + reading->blocks.size();
  errand->offset = reading->read_offset;
  errand->ordinal = reading->read_ordinal;
  errand->source = reading->source;
  reading->blocks.push_back(nullptr);
  reading->claimed = true;
  ++under_way_;
  errand->reading = std::move(reading);
  return errand;
}

void Streams::read(Errand& errand) {
  RecordBlock& block = *errand.block;
  block.file = errand.reading->file;
  block.ordinal = errand.ordinal;
  block.next_offset = errand.offset;
  const std::string& path = files_[block.file];
  try {
    if (!errand.source) {
      errand.source = open_local(path);
      if (errand.source->size() != sizes_[block.file]) {
        throw Error(Fault::kDataLoss,
                    path + ": expected " + std::to_string(sizes_[block.file]) + " bytes, found " +
                        std::to_string(errand.source->size()) +
                        ": the file changed while being read",
                    path);
      }
    }
    const uint64_t limit = std::min(errand.offset + rules_.block_size, sizes_[block.file]);
    errand.source->fetch(block.piece, errand.offset, limit - errand.offset + kSlack);
    Scan scan = scan_records(*errand.source, block.piece, errand.offset, limit, block.ordinal,
                             rules_.on_corruption, rules_.verify, block.records, errand.damage);
    block.next_offset = scan.next;
    block.error = std::move(scan.error);
    block.ends_file = block.error || scan.next >= sizes_[block.file];
  } catch (const Error& error) {
    block.error = error;
    block.ends_file = true;
  }
}

void Streams::framed(Errand& errand) {
  Reading& reading = *errand.reading;
  reading.claimed = false;
  reading.source = errand.source;
  reading.read_offset = errand.block->next_offset;
  reading.read_ordinal = errand.ordinal + errand.block->records.size();
  if (errand.block->ends_file) {
    reading.ended = true;
    reading.source.reset();
  }
}

void Streams::check(Errand& errand) {
  RecordBlock& block = *errand.block;
  const bool checked = rules_.on_corruption == OnCorruption::kSkip ||
                       rules_.on_corruption == OnCorruption::kStopFile;
  if (checked || block.records.empty()) return;
  const std::string& path = files_[block.file];
  const size_t n = block.records.size();
  bool whole = false;
  try {
    whole = complete(*errand.source, block.piece, block.records);
  } catch (const Error& error) {
    block.error = error;
    block.records.pop_back();
    return;
  }
  const size_t held = whole ? n : n - 1;
  const size_t good =
      rules_.verify ? kernels().verify_payloads(block.records.data(), held) : held;
  if (good == n) return;
  const ByteView& bad = block.records[good];
  const auto ordinal = static_cast<int64_t>(block.ordinal + good);
  const auto offset = static_cast<int64_t>(block.offset_of(bad));
  block.error = good < held ? checksum_error(path, ordinal, offset, bad)
                            : Error(Fault::kDataLoss,
                                    place(path, ordinal, offset,
                                          "expected the whole record, found the end of the file: "
                                          "the file changed while being read"),
                                    path, ordinal, offset);
  block.records.resize(good);
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
      current_ = reading.blocks.front().get();
      if (reading.first < current_->records.size()) {
        first_ = reading.first;
        available_ = std::min<uint64_t>(current_->records.size() - first_,
                                        rules_.turn_length - in_turn_);
        return Next::kRecords;
      }
      if (current_->error) return Next::kError;
      reading.offset = current_->next_offset;
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

void Streams::take(size_t n) {
  Reading& reading = *slots_[turn_];
  reading.first += n;
  reading.ordinal += n;
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
  turn_ = (turn_ + 1) % slots_.size();
  in_turn_ = 0;
}

// Nothing more of this file.
void Streams::drop(Reading& reading) {
  for (const auto& block : reading.blocks) under_way_ -= block != nullptr;
  reading.blocks.clear();
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
    position.slots.push_back(reading ? OpenFile{reading->file, reading->offset, reading->ordinal, true}
                                     : OpenFile{});
  }
}

}  // namespace headrace
