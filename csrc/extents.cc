#include "extents.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <stdexcept>

#include "record.h"

namespace headrace {
namespace {

constexpr uint64_t kFrame = kHeaderSize + kFooterSize;
constexpr uint64_t kFull = uint64_t{1} << Extents::kGroupBits;

// The sum of the first k numbers, fewer than 64, and the one behind them.
template <class T, class Sum>
Extent after(const uint8_t* more, uint64_t k) {
  Sum sum = 0;
  for (uint64_t i = 0; i < k; ++i) {
    T value;
    std::memcpy(&value, more + i * sizeof value, sizeof value);
    sum += value;
  }
  T own;
  std::memcpy(&own, more + k * sizeof own, sizeof own);
  return {sum, own};
}

// What each size has more than the least.
template <class T>
void write_numbers(const uint64_t* sizes, unsigned n, uint64_t least, uint8_t* out) {
  for (unsigned i = 0; i < n; ++i) {
    const T value = static_cast<T>(sizes[i] - least);
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }
}

unsigned width_of(uint64_t most) {
  return most == 0 ? 0 : most >> 8 == 0 ? 1 : most >> 16 == 0 ? 2 : most >> 32 == 0 ? 4 : 8;
}

}  // namespace

size_t last_not_above(const std::vector<uint64_t>& rising, uint64_t value) {
  const uint64_t* base = rising.data();
  for (size_t left = rising.size(); left > 1;) {
    const size_t half = left / 2;
    base += base[half] <= value ? half : 0;
    left -= half;
  }
  return static_cast<size_t>(base - rising.data());
}

Extents::Extents(Parts parts) : parts_(std::move(parts)) {
  const auto& [count, bits, groups, firsts, more] = parts_;
  const auto require = [](bool fits) {
    if (!fits) throw std::invalid_argument("the parts of an index do not fit together");
  };
  require(bits == kGroupBits || (bits == 64 && groups.size() == 1 && groups[0].width() == 0));
  require(firsts.empty() || firsts.size() == groups.size());
  require(count == 0 || !groups.empty());
  for (size_t g = 0; g < groups.size(); ++g) {
    const uint64_t first = firsts.empty() ? g << kGroupBits : firsts[g];
    const uint64_t last = g + 1 == groups.size() ? count
                          : firsts.empty()       ? (g + 1) << kGroupBits
                                                 : firsts[g + 1];
    const uint64_t width = groups[g].width();
    require(first < last && last <= count && (g > 0 || first == 0));
    require(bits == 64 || last - first <= kFull);
    require(width <= 2 || width == 4 || width == 8);
    require(groups[g].begin() <= more.size() &&
            (last - first) * width <= more.size() - groups[g].begin());
  }
}

Extent Extents::operator[](uint64_t i) const {
  assert(i < parts_.count);
  uint64_t g, k;
  if (parts_.bits == 64) {
    g = 0;
    k = i;
  } else if (parts_.firsts.empty()) {
    g = i >> kGroupBits;
    k = i & (kFull - 1);
  } else {
    g = last_not_above(parts_.firsts, i);
    k = i - parts_.firsts[g];
  }
  const Group& group = parts_.groups[g];
  const uint8_t* const more = parts_.more.data() + group.begin();
  Extent found{0, 0};
  switch (group.width()) {
    case 1:
      found = after<uint8_t, uint32_t>(more, k);
      break;
    case 2:
      found = after<uint16_t, uint32_t>(more, k);
      break;
    case 4:
      found = after<uint32_t, uint64_t>(more, k);
      break;
    case 8:
      found = after<uint64_t, uint64_t>(more, k);
      break;
    default:
      break;
  }
  return {group.offset + k * (kFrame + group.least) + found.offset, group.least + found.size};
}

size_t Extents::memory() const {
  return parts_.groups.capacity() * sizeof(Group) + parts_.firsts.capacity() * sizeof(uint64_t) +
         parts_.more.capacity();
}

void ExtentsBuilder::add(const Extent& extent) {
  if (open_ == kFull || (open_ > 0 && extent.offset != end_)) close_group();
  if (open_ == 0) begin_ = extent.offset;
  sizes_[open_++] = extent.size;
  end_ = extent.offset + kFrame + extent.size;
}

void ExtentsBuilder::close_group() {
  uint64_t least = sizes_[0], most = sizes_[0];
  for (unsigned i = 1; i < open_; ++i) {
    least = std::min(least, sizes_[i]);
    most = std::max(most, sizes_[i]);
  }
  const unsigned width = width_of(most - least);
  auto& [count, bits, groups, firsts, more] = parts_;
  // Up to the first group that is closed before it is full, numbers tell the groups.
  if (firsts.empty() && count != groups.size() * kFull) {
    for (uint64_t g = 0; g < groups.size(); ++g) firsts.push_back(g * kFull);
  }
  if (!firsts.empty()) firsts.push_back(count);
  const size_t begin = more.size();
  groups.push_back({begin_, least, begin << 8 | width});
  more.resize(begin + size_t{open_} * width);
  uint8_t* const out = more.data() + begin;
  switch (width) {
    case 1:
      write_numbers<uint8_t>(sizes_, open_, least, out);
      break;
    case 2:
      write_numbers<uint16_t>(sizes_, open_, least, out);
      break;
    case 4:
      write_numbers<uint32_t>(sizes_, open_, least, out);
      break;
    case 8:
      write_numbers<uint64_t>(sizes_, open_, least, out);
      break;
    default:
      break;
  }
  count += open_;
  open_ = 0;
}

Extents ExtentsBuilder::finish() && {
  if (open_ > 0) close_group();
  auto& groups = parts_.groups;
  // One size, no gap: a group begins a stride behind the one before.
  const uint64_t stride = groups.empty() ? 0 : kFull * (kFrame + groups[0].least);
  bool equal = parts_.firsts.empty() && !groups.empty();
  for (size_t g = 0; equal && g < groups.size(); ++g) {
    equal = groups[g].width() == 0 && groups[g].least == groups[0].least &&
            groups[g].offset == groups[0].offset + g * stride;
  }
  if (equal) {
    groups.erase(groups.begin() + 1, groups.end());
    parts_.bits = 64;
  }
  groups.shrink_to_fit();
  parts_.firsts.shrink_to_fit();
  parts_.more.shrink_to_fit();
  return Extents(std::move(parts_));
}

}  // namespace headrace
