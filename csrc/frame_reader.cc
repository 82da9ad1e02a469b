#include "frame_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr size_t kMostOpen = 256;
constexpr uint64_t kLongestRead = uint64_t{1} << 20;

uint64_t frame_size(const FramePlace& place) { return kHeaderSize + place.size + kFooterSize; }

// The first whose header is not that of a record of its size; n if there is none.
size_t headers_end(const ByteView* records, size_t n) {
  const size_t good = kernels().verify_lengths(records, n);
  for (size_t i = 0; i < good; ++i) {
    if (load64(records[i].data - kHeaderSize) != records[i].size) return i;
  }
  return good;
}

uint64_t size_of_all(const std::vector<FramePlace>& places) {
  uint64_t total = 0;
  for (const FramePlace& place : places) total += frame_size(place);
  return total;
}

// Forgets what the memory held, if it was too small.
void make_room(Buffer& memory, size_t n) {
  if (!memory || memory.capacity() < n + kSlop) memory = Buffer(n + kSlop);
}

bool stands_before(const FramePlace& a, const FramePlace& b) {
  return std::tie(a.file, a.offset) < std::tie(b.file, b.offset);
}

}  // namespace

FrameReader::FrameReader(std::vector<std::string> files, bool verify, bool may_map)
    : files_(std::move(files)),
      verify_(verify),
      may_map_(may_map),
      sources_(files_.size()),
      mapped_(std::make_unique<std::atomic<const Mapping*>[]>(files_.size())),
      maps_(may_map_) {}

std::shared_ptr<const Source> FrameReader::open(uint32_t file) {
  std::lock_guard lock(mutex_);
  if (!sources_[file]) {
    if (opened_.size() == kMostOpen) {
      sources_[opened_.front()].reset();
      opened_.erase(opened_.begin());
    }
    sources_[file] = open_local(files_[file]);
    opened_.push_back(file);
  }
  return sources_[file];
}

// Null if that is not to be had.
const Mapping* FrameReader::map(uint32_t file) {
  const Mapping* mapping = mapped_[file].load(std::memory_order_acquire);
  if (mapping != nullptr) return mapping;
  std::lock_guard lock(mutex_);
  mapping = mapped_[file].load(std::memory_order_relaxed);
  if (mapping != nullptr) return mapping;
  mappings_.push_back(Mapping::of(files_[file]));
  mapping = mappings_.back().get();
  mapped_[file].store(mapping, std::memory_order_release);
  return mapping;
}

// Which bytes to read. Where each read goes is only known when the memory for all of them is there.
void FrameReader::plan_reads(Frames& frames) const {
  const std::vector<FramePlace>& places = frames.places;
  frames.by_place_.resize(places.size());
  std::iota(frames.by_place_.begin(), frames.by_place_.end(), 0u);
  if (!std::is_sorted(places.begin(), places.end(), stands_before)) {
    std::sort(frames.by_place_.begin(), frames.by_place_.end(),
              [&](uint32_t a, uint32_t b) { return stands_before(places[a], places[b]); });
  }
  frames.reads_.clear();
  for (size_t k = 0; k < places.size(); ++k) {
    const FramePlace& place = places[frames.by_place_[k]];
    const uint64_t end = place.offset + frame_size(place);
    if (!frames.reads_.empty()) {
      Frames::Read& last = frames.reads_.back();
      if (last.file == place.file && place.offset <= last.end + kNear &&
          end - last.begin <= kLongestRead) {
        last.end = std::max(end, last.end);
        continue;
      }
    }
    frames.reads_.push_back({place.file, place.offset, end, k});
  }
}

void FrameReader::read(Frames& frames) {
  const size_t n = frames.places.size();
  frames.flawed.clear();
  frames.records.resize(n);
  plan_reads(frames);
  size_t total = 0;
  for (const Frames::Read& read : frames.reads_) total += read.end - read.begin;
  make_room(frames.memory, total);
  frames.bytes_read = total;
  uint8_t* to = frames.memory.data();
  for (size_t r = 0; r < frames.reads_.size(); ++r) {
    const Frames::Read& read = frames.reads_[r];
    const size_t size = read.end - read.begin;
    const size_t last = r + 1 < frames.reads_.size() ? frames.reads_[r + 1].first : n;
    size_t got = 0;
    std::shared_ptr<const Source> source;
    std::optional<Error> trouble;
    try {
      source = open(read.file);
      got = source->read(read.begin, to, size);
    } catch (const Error& error) {
      trouble = error;
    }
    for (size_t k = read.first; k < last; ++k) {
      const uint32_t i = frames.by_place_[k];
      const FramePlace& place = frames.places[i];
      const uint64_t at = place.offset - read.begin;
      frames.records[i] = {to + at + kHeaderSize, static_cast<size_t>(place.size)};
      if (got >= at + frame_size(place)) continue;
      if (source) {
        // What could not be read may be none of its bytes.
        const size_t own = source->read(place.offset, to + at, frame_size(place));
        if (own == frame_size(place)) continue;
        trouble = source->trouble_at(place.offset + own);
      }
      const Frames::Flaw flaw = trouble ? Frames::Flaw::kTrouble : Frames::Flaw::kTorn;
      frames.flawed.push_back({i, flaw, trouble});
    }
    to += size;
  }
  std::memset(to, 0, kSlop);
  check(frames);
}

void FrameReader::gather(Frames& frames) {
  if (maps()) {
    frames.flawed.clear();
    frames.records.resize(frames.places.size());
    const long waits = FileView::waits();
    const bool good = gather_all(frames);
    if (!good || FileView::waits() != waits) maps_ = false;
    if (good) {
      check(frames);
      if (frames.flawed.empty()) return;
    }
  }
  read(frames);  // which also says what is wrong with a record
}

void FrameReader::try_again() {
  if (maps() || !may_map_) return;
  std::lock_guard lock(mutex_);
  for (const uint32_t file : opened_) sources_[file].reset();  // they remember having waited
  opened_.clear();
  maps_ = true;
}

// False if not all could be had like this.
bool FrameReader::gather_all(Frames& frames) {
  const size_t total = size_of_all(frames.places);
  if (!frames.landing_.reserve(total + kSlop)) return false;
  frames.bytes_read = total;
  frames.pieces_.clear();
  size_t at = 0, copied = 0;  // in the landing
  const auto copy = [&] {
    const bool good = frames.landing_.gather(frames.pieces_, copied);
    frames.pieces_.clear();
    return good;
  };
  for (size_t i = 0; i < frames.places.size(); ++i) {
    const FramePlace& place = frames.places[i];
    const uint64_t size = frame_size(place);
    const Mapping* const mapping = map(place.file);
    if (mapping == nullptr) return false;
    frames.records[i] = {frames.landing_.data() + at + kHeaderSize,
                         static_cast<size_t>(place.size)};
    if (mapping->knows(place.offset, size)) {
      frames.pieces_.push_back({mapping->at(place.offset), static_cast<size_t>(size)});
    } else {
      if (!copy() || !read_and_learn(place, *mapping, frames.landing_.data() + at)) return false;
      copied = at + size;
    }
    at += size;
  }
  std::memset(frames.landing_.data() + at, 0, kSlop);
  return copy();
}

bool FrameReader::outline(Frames& frames) {
  const long waits = FileView::waits();
  // What lay between the ends may not have been in memory, though they were.
  if (std::exchange(frames.outlined_, false) && waits != frames.waits_) maps_ = false;
  if (!maps() || !can_copy_mapped()) return false;
  const bool good = outline_all(frames);
  if (FileView::waits() != waits) maps_ = false;
  frames.waits_ = waits;
  frames.outlined_ = good;
  return good;
}

bool FrameReader::outline_all(Frames& frames) {
  make_room(frames.memory, size_of_all(frames.places));
  frames.bytes_read = 0;  // the outline counts
  frames.flawed.clear();
  frames.records.clear();
  frames.origins.clear();
  frames.sources_.clear();
  uint8_t* to = frames.memory.data();
  for (const FramePlace& place : frames.places) {
    const Mapping* const mapping = map(place.file);
    const uint64_t size = frame_size(place);
    if (mapping == nullptr || place.offset > mapping->size() ||
        size > mapping->size() - place.offset) {
      return false;
    }
    try {
      frames.sources_.push_back(open(place.file));
    } catch (const Error&) {
      return false;
    }
    const auto copy = [&](uint64_t begin, uint64_t end) {
      return copy_mapped(mapping->at(place.offset + begin), end - begin, to + begin, /*far=*/false,
                         0, mapping->given_up())
          .has_value();
    };
    const uint64_t front = std::min(kHeaderSize + kEndSize, size);
    const uint64_t back = std::max(front, size - std::min(kFooterSize + kEndSize, size));
    if (!copy(0, front) || !copy(back, size)) return false;
    // Where a file was cut within a page, zeros are shown; else the checksum tells.
    if (!verify_ && !frames.sources_.back()->reaches(place.offset + size)) return false;
    frames.records.push_back({to + kHeaderSize, static_cast<size_t>(place.size)});
    frames.origins.push_back({frames.sources_.back().get(), mapping, place.offset + kHeaderSize});
    to += size;
  }
  std::memset(to, 0, kSlop);
  return headers_end(frames.records.data(), frames.records.size()) == frames.records.size();
}

// False if that had to wait for a device: then other ways are better.
bool FrameReader::read_and_learn(const FramePlace& place, const Mapping& mapping, uint8_t* to) {
  const uint64_t size = frame_size(place);
  try {
    const std::shared_ptr<const Source> source = open(place.file);
    return source->read(place.offset, to, size) == size && !source->cold() &&
           mapping.learn(place.offset, size);
  } catch (const Error&) {
    return false;
  }
}

// What could be read: the headers must be those of records of these sizes, and the data what was
// written.
void FrameReader::check(Frames& frames) const {
  const auto rising = [](const Frames::Flawed& a, const Frames::Flawed& b) {
    return a.record < b.record;
  };
  std::sort(frames.flawed.begin(), frames.flawed.end(), rising);
  size_t begin = 0;
  for (size_t k = 0, unread = frames.flawed.size(); k < unread; ++k) {
    const size_t end = frames.flawed[k].record;
    check(begin, end, frames);
    begin = end + 1;
  }
  check(begin, frames.places.size(), frames);
  std::sort(frames.flawed.begin(), frames.flawed.end(), rising);
}

void FrameReader::check(size_t begin, size_t end, Frames& frames) const {
  while (begin < end) {
    const ByteView* const records = frames.records.data() + begin;
    size_t good = headers_end(records, end - begin);
    const size_t headers = good;
    if (verify_) good = kernels().verify_payloads(records, good);
    begin += good;
    if (begin == end) return;
    const Frames::Flaw flaw = good < headers ? Frames::Flaw::kData : Frames::Flaw::kHeader;
    frames.flawed.push_back({begin, flaw, {}});
    ++begin;
  }
}

}  // namespace headrace
