#include "window.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "kernels/copier.h"

namespace headrace {
namespace {

constexpr size_t kMerged = (size_t{256} << 10) - kSlop;  // bytes of a segment of survivors
constexpr uint64_t kNoMatter = uint64_t{12} << 20;       // bytes in vain that are never too many
constexpr size_t kAhead = 8;                             // records asked for beforehand

}  // namespace

uint32_t Window::new_segment(Buffer memory, size_t size) {
  uint32_t number;
  if (free_segments_.empty()) {
    number = static_cast<uint32_t>(segments_.size());
    segments_.emplace_back();
    chosen_.push_back(0);
  } else {
    number = free_segments_.back();
    free_segments_.pop_back();
  }
  Segment& segment = segments_[number];
  segment.memory = std::move(memory);
  segment.size = segment.memory ? size : 0;
  segment.arriving = true;
  memory_ += segment.size;
  return number;
}

uint32_t Window::add_segment(Buffer memory, size_t size, const Origin& origin) {
  const uint32_t number = new_segment(std::move(memory), size);
  segments_[number].origin = origin;
  if (origin.mark != kNone) marks_.hold(origin.mark);
  return number;
}

void Window::let_go(uint32_t number) {
  segments_[number].arriving = false;
  settle(number);
}

void Window::give_back(uint32_t number, uint32_t records) {
  segments_[number].held -= records;
  free_if_unused(number);
}

void Window::displace(Entry& entry) {
  Segment& segment = segments_[entry.segment];
  ++segment.held;
  --segment.placed;
  if (segment.memory) {
    segment.live_bytes += entry.size;
    live_bytes_ += entry.size;
  }
  entry.placed = 0;
}

Window::Origin Window::origin(uint32_t number, uint32_t index, uint32_t at) const {
  const Segment& segment = segments_[number];
  if (!segment.origins.empty()) return segment.origins[index];
  Origin origin = segment.origin;
  origin.ordinal += index;
  origin.offset += at;
  return origin;
}

// What is not needed any more if nothing waits there, and if nothing will be drawn.
void Window::settle(uint32_t number) {
  Segment& segment = segments_[number];
  if (number == keeping_ && segment.live == 0) {  // and so nothing of its marks
    segment.arriving = false;
    keeping_ = kNone;
  }
  if (segment.arriving || segment.live != segment.placed) return;
  memory_ -= std::exchange(segment.size, 0);
  if (segment.live == 0) {
    const uint32_t mark = std::exchange(segment.origin.mark, kNone);
    if (mark != kNone) marks_.release(mark);
  }
  free_if_unused(number);
}

void Window::free_if_unused(uint32_t number) {
  Segment& segment = segments_[number];
  if (segment.held != 0 || segment.arriving) return;
  segment.memory = Buffer();
  if (segment.live != 0) return;
  segment = Segment{};
  free_segments_.push_back(number);
}

// Rarely many at a time: the emptiest have the least to be copied for the most that is won.
bool Window::choose() {
  const uint64_t vain = std::max(live_bytes_ / 5 * 4, live_bytes_ / 5 * 3 + kNoMatter);
  if (memory_ <= live_bytes_ + vain) return false;
  std::vector<uint32_t> candidates;
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    if (segment.memory && segment.live != segment.placed && !segment.arriving)
      candidates.push_back(i);
  }
  const auto share = [&](uint32_t i) {
    return static_cast<double>(segments_[i].live_bytes) / static_cast<double>(segments_[i].size);
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](uint32_t a, uint32_t b) { return share(a) < share(b); });
  uint64_t won = 0;
  size_t n = 0;
  for (; n < candidates.size() && won < live_bytes_ / 4; ++n) {
    if (share(candidates[n]) > 0.8) break;
    won += segments_[candidates[n]].size - segments_[candidates[n]].live_bytes;
  }
  if (won < live_bytes_ / 8) return false;
  for (size_t i = 0; i < n; ++i) chosen_[candidates[i]] = 1;
  return true;
}

// For survivors of other segments.
uint32_t Window::new_merged(size_t room) {
  const uint32_t number = new_segment(Buffer(room + kSlop), 0);
  Segment& segment = segments_[number];
  std::memset(segment.memory.data() + room, 0, kSlop);
  segment.origin.mark = kNone;
  return number;
}

// Counts a record of another segment at the end of this one, where it is yet to be copied.
Window::Entry Window::append(uint32_t number, const Entry& entry) {
  const Origin origin = this->origin(entry.segment, entry.index, entry.at);
  Segment& segment = segments_[number];
  const Entry appended{number, static_cast<uint32_t>(segment.size), entry.size,
                       static_cast<uint32_t>(segment.origins.size())};
  segment.origins.push_back(origin);
  segment.size += entry.size;
  memory_ += entry.size;
  ++segment.live;
  ++segment.held;
  segment.live_bytes += entry.size;
  // The oldest of its marks.
  uint32_t& mark = segment.origin.mark;
  if (origin.mark != kNone && (mark == kNone || origin.mark < mark)) {
    marks_.hold(origin.mark);
    if (mark != kNone) marks_.release(mark);
    mark = origin.mark;
  }
  return appended;
}

// Records that are already there may be being parsed: nothing is written where they are read, not
// even in the bytes behind them.
Window::Entry Window::keep(const Entry& entry, const uint8_t* data) {
  const size_t size = entry.size + kSlop;
  if (keeping_ != kNone) {
    const Segment& segment = segments_[keeping_];
    if (segment.memory.capacity() - kSlop < segment.size + size) {
      let_go(std::exchange(keeping_, kNone));
    }
  }
  if (keeping_ == kNone) keeping_ = new_merged(std::max(kMerged, size));
  const Entry kept = append(keeping_, entry);
  Segment& segment = segments_[keeping_];
  std::memcpy(segment.memory.data() + kept.at, data, entry.size);
  segment.size += kSlop;
  memory_ += kSlop;
  live_bytes_ += entry.size;
  return kept;
}

void Window::move(std::span<Entry* const> entries) {
  uint64_t left = 0;
  for (const Entry* entry : entries) left += entry->size;
  const auto data = [&](const Entry& entry) {
    return segments_[entry.segment].memory.data() + entry.at;
  };
  const Copier copy(/*far=*/live_bytes_ >= kNoMatter);
  uint32_t to = kNone;
  size_t room = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + kAhead < entries.size()) __builtin_prefetch(data(*entries[i + kAhead]));
    Entry& entry = *entries[i];
    if (to == kNone || room - segments_[to].size < entry.size) {
      room = std::max<size_t>(std::min<uint64_t>(left, kMerged), entry.size);
      if (to != kNone) let_go(to);
      to = new_merged(room);
      size_t n = 0;
      for (uint64_t bytes = 0; i + n < entries.size(); ++n) {
        if ((bytes += entries[i + n]->size) > room) break;
      }
      segments_[to].origins.reserve(n);
    }
    left -= entry.size;
    const Entry moved = append(to, entry);
    copy(segments_[to].memory.data() + moved.at, data(entry), entry.size);
    Segment& from = segments_[entry.segment];
    --from.live;
    --from.held;
    from.live_bytes -= entry.size;
    if (from.live == from.placed) {
      chosen_[entry.segment] = 0;
      settle(entry.segment);
    }
    entry = moved;
  }
  if (to != kNone) let_go(to);
}

}  // namespace headrace
