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
  end_if_empty(number);
}

void Window::give_back(uint32_t number, uint32_t records) {
  segments_[number].held -= records;
  free_if_unused(number);
}

Window::Origin Window::origin(uint32_t number, uint32_t index, uint32_t at) const {
  const Segment& segment = segments_[number];
  if (!segment.origins.empty()) return segment.origins[index];
  Origin origin = segment.origin;
  origin.ordinal += index;
  origin.offset += at;
  return origin;
}

// Nothing of the segment will be drawn any more.
void Window::end_if_empty(uint32_t number) {
  Segment& segment = segments_[number];
  if (segment.live != 0 || segment.arriving) return;
  memory_ -= segment.size;
  if (segment.origin.mark != kNone) marks_.release(segment.origin.mark);
  free_if_unused(number);
}

void Window::free_if_unused(uint32_t number) {
  Segment& segment = segments_[number];
  if (segment.held != 0 || segment.arriving) return;
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
    if (segment.memory && segment.live != 0 && !segment.arriving) candidates.push_back(i);
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
      to = new_segment(Buffer(room + kSlop), 0);
      std::memset(segments_[to].memory.data() + room, 0, kSlop);
      segments_[to].origin.mark = kNone;
      size_t n = 0;
      for (uint64_t bytes = 0; i + n < entries.size(); ++n) {
        if ((bytes += entries[i + n]->size) > room) break;
      }
      segments_[to].origins.reserve(n);
    }
    left -= entry.size;
    const Origin origin = this->origin(entry.segment, entry.index, entry.at);
    Segment &from = segments_[entry.segment], &target = segments_[to];
    copy(target.memory.data() + target.size, data(entry), entry.size);
    --from.live;
    --from.held;
    from.live_bytes -= entry.size;
    const uint32_t emptied = from.live == 0 ? entry.segment : kNone;
    entry = {to, static_cast<uint32_t>(target.size), entry.size,
             static_cast<uint32_t>(target.origins.size())};
    target.origins.push_back(origin);
    target.size += entry.size;
    memory_ += entry.size;
    ++target.live;
    ++target.held;
    target.live_bytes += entry.size;
    // The oldest of its marks.
    uint32_t& mark = target.origin.mark;
    if (origin.mark != kNone && (mark == kNone || origin.mark < mark)) {
      marks_.hold(origin.mark);
      if (mark != kNone) marks_.release(mark);
      mark = origin.mark;
    }
    if (emptied != kNone) {
      chosen_[emptied] = 0;
      end_if_empty(emptied);
    }
  }
  if (to != kNone) let_go(to);
}

}  // namespace headrace
