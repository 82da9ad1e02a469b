#include "batch_layout.h"

#include <algorithm>
#include <utility>

namespace headrace {
namespace {

// What the smallest buffer takes: a page, as much again for its alignment and what keeps it.
constexpr size_t kLeastBuffer = 8192;

constexpr size_t kOwnBuffer = size_t{256} << 10;  // arrays of this size do not share
constexpr size_t kSharedArena = size_t{1} << 20;
constexpr size_t kLine = 64;

size_t fixed_size(const Column& column, size_t rows) {
  if (BatchLayout::has_splits(column)) return (rows + 1) * sizeof(int64_t);
  if (column.type == Type::kBytes) return (rows * column.elements + 1) * sizeof(int64_t);
  return rows * column.elements * size_of(column.type);
}

}  // namespace

bool BatchLayout::has_splits(const Column& column) {
  return column.layout == Layout::kRagged || column.layout == Layout::kSequence;
}

bool BatchLayout::grows(const Column& column) {
  return has_splits(column) || column.type == Type::kBytes;
}

BatchLayout::BatchLayout(std::vector<Column> columns, size_t rows, bool pad, Pages pages,
                         std::optional<SequenceSchema> sequences)
    : columns_(std::move(columns)),
      rows_(rows),
      pad_(pad),
      pages_(pages),
      places_(columns_.size()),
      hints_(columns_.size()),
      sequences_(std::move(sequences)) {
  size_t shared = SIZE_MAX;  // the arena that small arrays share for now
  for (size_t c = 0; c < columns_.size(); ++c) {
    grows_ |= grows(columns_[c]);
    const size_t size = fixed_size(columns_[c], rows);
    // Arrays begin in different sets of the cache, or rows of many columns would evict each other.
    const size_t padded = (size + kLine - 1) / kLine * kLine | kLine;
    if (size >= kOwnBuffer) {
      const size_t stagger = c % 32 * kLine;
      places_[c] = {arenas_.size(), stagger, size};
      arenas_.push_back(stagger + padded);
      continue;
    }
    if (shared == SIZE_MAX || arenas_[shared] + padded > kSharedArena) {
      shared = arenas_.size();
      arenas_.push_back(0);
    }
    places_[c] = {shared, arenas_[shared], size};
    arenas_[shared] += padded;
  }
}

size_t BatchLayout::expected_memory() const {
  const auto taken_by = [](size_t size) { return size == 0 ? 0 : std::max(size, kLeastBuffer); };
  size_t total = sequences_hint_;
  for (const size_t size : arenas_) total += taken_by(size);
  for (const Hint& hint : hints_) total += taken_by(hint.values) + taken_by(hint.bytes);
  return total;
}

}  // namespace headrace
