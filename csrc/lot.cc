#include "lot.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace headrace {
namespace {

constexpr uint64_t kStretchBytes = uint64_t{256} << 10;  // read at a time, to stay in the cache
constexpr uint64_t kStretchRows = 256;  // or as much as holds so many that are wanted

constexpr unsigned kDigit = 8;

// Sorts by bits [low, high) of the keys; by more where they are many.
void sort_keys(std::vector<uint64_t>& keys, std::vector<uint64_t>& other, unsigned low,
               unsigned high) {
  if (high > low + 3 * kDigit) return std::sort(keys.begin(), keys.end());
  other.resize(keys.size());
  for (; low < high; low += kDigit) {
    uint32_t places[1 << kDigit] = {};
    const auto digit = [&](uint64_t key) { return key >> low & ((1 << kDigit) - 1); };
    for (const uint64_t key : keys) ++places[digit(key)];
    uint32_t place = 0;
    for (uint32_t& count : places) place += std::exchange(count, place);
    for (const uint64_t key : keys) other[places[digit(key)]++] = key;
    keys.swap(other);
  }
}

}  // namespace

// --- rows ---

void Lot::add(const std::shared_ptr<const Selection::Order>& order, uint64_t first, uint64_t n) {
  const bool follows =
      !runs_.empty() && runs_.back().order == order && runs_.back().first + runs_.back().n == first;
  if (follows) {
    runs_.back().n += n;
  } else {
    runs_.push_back({order, first, n, rows_});
  }
  rows_ += n;
}

void Lot::clear() {
  runs_.clear();
  rows_ = used_ = 0;
  more_memory_.clear();
  failures_.clear();
}

template <class Visit>
void Lot::visit(size_t first, size_t n, Visit visit) const {
  auto run = std::upper_bound(runs_.begin(), runs_.end(), first,
                              [](size_t row, const Run& run) { return row < run.row; }) -
             1;
  for (size_t row = first; row < first + n; ++run) {
    const size_t end = std::min<size_t>(run->row + run->n, first + n);
    for (; row < end; ++row) visit(row, (*run->order)(run->first + (row - run->row)));
  }
}

EvenPlace Lot::operator[](size_t row) const {
  EvenPlace found{};
  visit(row, 1, [&](size_t, const EvenPlace& place) { found = place; });
  return found;
}

void Lot::list(size_t first, size_t n, std::vector<EvenPlace>& places) const {
  visit(first, n, [&](size_t, const EvenPlace& place) { places.push_back(place); });
}

// --- reading ---

void Lot::divide(const Index& index, uint64_t bytes, size_t batch_size) {
  assert(rows_ > 0 && rows_ <= kMostRows);
  batch_size_ = batch_size;
  const uint64_t average = std::max<uint64_t>(bytes / index.count(), 1);
  const uint64_t span = std::max(kStretchBytes / average, kStretchRows * index.count() / rows_);
  stretch_bits_ = static_cast<unsigned>(std::bit_width(span | 1)) - 1;
  stretches_ = ((index.count() - 1) >> stretch_bits_) + 1;
  slices_.resize((rows_ + kSlice - 1) / kSlice);
  records_.resize(rows_);
  // So many chosen at random take hardly more than the average.
  const size_t expected = rows_ * average + rows_ * average / 16;
  if (memory_.capacity() < expected) memory_ = Buffer(expected);
}

void Lot::number(size_t number, Scratch& scratch) {
  const size_t first = number * kSlice, n = std::min(kSlice, rows_ - first);
  Slice& slice = slices_[number];
  slice.begins.assign(stretches_ + 1, 0);
  scratch.ordinals.clear();
  visit(first, n, [&](size_t, const EvenPlace& place) {
    scratch.ordinals.push_back(place.ordinal);
    ++slice.begins[place.ordinal >> stretch_bits_];
  });
  uint32_t begin = 0;
  for (uint32_t& count : slice.begins) begin += std::exchange(count, begin);
  slice.keys.resize(n);
  const uint64_t mask = (uint64_t{1} << stretch_bits_) - 1;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t ordinal = scratch.ordinals[i];
    slice.keys[slice.begins[ordinal >> stretch_bits_]++] =
        (ordinal & mask) << kRowBits | (first + i);
  }
  // Each begin has become the next one's.
  std::copy_backward(slice.begins.begin(), slice.begins.end() - 1, slice.begins.end());
  slice.begins[0] = 0;
}

void Lot::read(size_t stretch, Fetcher& fetcher, Scratch& scratch) {
  std::vector<uint64_t>& keys = scratch.keys;
  keys.clear();
  for (const Slice& slice : slices_) {
    keys.insert(keys.end(), slice.keys.begin() + slice.begins[stretch],
                slice.keys.begin() + slice.begins[stretch + 1]);
  }
  scratch.fetched.bytes_read = 0;
  if (keys.empty()) return;
  sort_keys(keys, scratch.sorted, kRowBits, kRowBits + stretch_bits_);
  scratch.ordinals.clear();
  const uint64_t begin = uint64_t{stretch} << stretch_bits_;
  for (const uint64_t key : keys) scratch.ordinals.push_back(begin + (key >> kRowBits));
  fetcher.fetch(scratch.ordinals, scratch.fetched);
  keep(scratch);
}

// Takes what was read, or a copy of what is wanted of it.
void Lot::keep(Scratch& scratch) {
  Fetched& fetched = scratch.fetched;
  const auto row_of = [&](size_t i) { return scratch.keys[i] & (kMostRows - 1); };
  for (const auto& [record, error] : fetched.failures) {
    fail(row_of(record), error);
    fetched.records[record].size = 0;
  }
  size_t wanted = 0;
  for (const ByteView& record : fetched.records) wanted += record.size;
  if (fetched.bytes_read < wanted + wanted / 8) {
    for (size_t i = 0; i < scratch.keys.size(); ++i) records_[row_of(i)] = fetched.records[i];
    std::lock_guard lock(mutex_);
    more_memory_.push_back(std::move(fetched.memory));
    return;
  }
  uint8_t* to = reserve(wanted + kSlop);
  for (size_t i = 0; i < scratch.keys.size(); ++i) {
    const ByteView& record = fetched.records[i];
    std::memcpy(to, record.data, record.size);
    records_[row_of(i)] = {to, record.size};
    to += record.size;
  }
  std::memset(to, 0, kSlop);
}

uint8_t* Lot::reserve(size_t size) {
  const size_t begin = used_.fetch_add(size);
  if (begin + size <= memory_.capacity()) return memory_.data() + begin;
  std::lock_guard lock(mutex_);
  return more_memory_.emplace_back(size).data();
}

void Lot::fail(size_t row, const Error& error) {
  std::lock_guard lock(mutex_);
  const auto [found, is_new] = failures_.try_emplace(row / batch_size_, Failure{row, error});
  if (!is_new && row < found->second.row) found->second = {row, error};
}

const Lot::Failure* Lot::failure(size_t batch) const {
  const auto found = failures_.find(batch);
  return found == failures_.end() ? nullptr : &found->second;
}

}  // namespace headrace
