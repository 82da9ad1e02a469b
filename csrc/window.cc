#include "window.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace headrace {
namespace {

constexpr size_t kGathering = size_t{256} << 10;

}  // namespace

uint32_t Window::add_segment(Buffer memory) {
  uint32_t number;
  if (free_segments_.empty()) {
    number = static_cast<uint32_t>(segments_.size());
    segments_.emplace_back();
  } else {
    number = free_segments_.back();
    free_segments_.pop_back();
  }
  memory_ += memory.capacity();
  segments_[number].memory = std::move(memory);
  segments_[number].arriving = true;
  return number;
}

uint32_t Window::add(const Entry& entry) {
  uint32_t number;
  if (free_entries_.empty()) {
    number = static_cast<uint32_t>(entries_.size());
    entries_.push_back(entry);
  } else {
    number = free_entries_.back();
    free_entries_.pop_back();
    entries_[number] = entry;
  }
  Segment& segment = segments_[entry.segment];
  ++segment.live;
  segment.live_bytes += entry.size;
  segment.lived.push_back(number);
  return number;
}

Window::Entry Window::take(uint32_t record) {
  const Entry entry = entries_[record];
  entries_[record].segment = kNone;
  free_entries_.push_back(record);
  Segment& segment = segments_[entry.segment];
  ++segment.pins;
  --segment.live;
  segment.live_bytes -= entry.size;
  compact_if_sparse(entry.segment);
  return entry;
}

void Window::let_go(uint32_t number) {
  segments_[number].arriving = false;
  compact_if_sparse(number);
  free_if_unused(number);
}

void Window::unpin(uint32_t number) {
  --segments_[number].pins;
  free_if_unused(number);
}

void Window::compact_if_sparse(uint32_t number) {
  const Segment& segment = segments_[number];
  const bool sparse = segment.live != 0 && segment.live_bytes * 2 < segment.memory.capacity();
  if (sparse && !segment.arriving) compact(number);
}

// Copies what lives of a sparse segment to the one where survivors are gathered.
void Window::compact(uint32_t sparse) {
  for (const uint32_t record : std::exchange(segments_[sparse].lived, {})) {
    if (entries_[record].segment != sparse) continue;  // it has died, or moved
    const size_t size = entries_[record].size;
    if (gathering_ == kNone ||
        segments_[gathering_].memory.capacity() - kSlop - gathered_ < size) {
      if (gathering_ != kNone) segments_[gathering_].arriving = false;
      gathering_ = add_segment(Buffer(std::max(kGathering, size + kSlop)));
      gathered_ = 0;
    }
    Segment& to = segments_[gathering_];
    std::memcpy(to.memory.data() + gathered_, data(entries_[record]).data, size);
    Entry& entry = entries_[record];
    entry.segment = gathering_;
    entry.at = static_cast<uint32_t>(gathered_);
    to.lived.push_back(record);
    ++to.live;
    to.live_bytes += size;
    gathered_ += size;
  }
  segments_[sparse].live = 0;
  segments_[sparse].live_bytes = 0;
}

void Window::free_if_unused(uint32_t number) {
  Segment& segment = segments_[number];
  if (segment.live != 0 || segment.pins != 0 || segment.arriving) return;
  memory_ -= segment.memory.capacity();
  segment = Segment{};
  free_segments_.push_back(number);
}

}  // namespace headrace
