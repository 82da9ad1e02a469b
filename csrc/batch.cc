#include "batch.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "kernels/copier.h"

namespace headrace {
namespace {

constexpr size_t kShortRow = 256;  // bytes of a padded one

// For the batches to come.
void learn(std::atomic<size_t>& hint, size_t seen) {
  size_t known = hint.load(std::memory_order_relaxed);
  while (known < seen && !hint.compare_exchange_weak(known, seen, std::memory_order_relaxed)) {
  }
}
size_t somewhat_more(size_t size) { return size + size / 16; }

}  // namespace

Batch::Batch(std::shared_ptr<const BatchLayout> layout)
    : layout_(std::move(layout)),
      longest_(layout_->columns().size()),
      splits_types_(layout_->columns().size()) {
  values_.reserve(layout_->columns().size());
  bytes_.reserve(layout_->columns().size());
  for (size_t c = 0; c < layout_->columns().size(); ++c) {
    values_.emplace_back(layout_->pages());
    bytes_.emplace_back(layout_->pages());
  }
}

void Batch::open() {
  rows_ = 0;
  arenas_.clear();
  begins_.clear();
  for (const size_t size : layout_->arenas()) {
    begins_.push_back(arenas_.emplace_back(size, layout_->pages()).data());
  }
  for (size_t c = 0; c < layout_->columns().size(); ++c) {
    values_[c].clear();
    bytes_[c].clear();
    if (BatchLayout::grows(layout_->columns()[c])) ends(c)[0] = 0;
    splits_types_[c] = Type::kInt64;
  }
  writers_ = 1;
  failure_.reset();
  sequences_.reset();
}

uint8_t* Batch::fixed(size_t column) const {
  const BatchLayout::Place& place = layout_->place(column);
  return begins_[place.arena] + place.offset;
}

uint8_t* Batch::fixed_row(size_t c, size_t row) const {
  const Column& column = layout_->columns()[c];
  return fixed(c) + row * column.elements * size_of(column.type);
}

Batch::Places Batch::reserve(size_t c, const Amount& amount, size_t records) {
  const Column& column = layout_->columns()[c];
  const BatchLayout::Hint& hint = layout_->hint(c);
  Places places;
  // Without experience: as if all rows were like these, and an eighth more.
  const auto expect = [&](const std::atomic<size_t>& seen, size_t size) {
    return std::max(seen.load(std::memory_order_relaxed),
                    (size + size / 8) / records * layout_->rows());
  };
  if (column.type == Type::kBytes) {
    places.bytes = bytes_[c].reserve(amount.bytes, expect(hint.bytes, amount.bytes));
  }
  if (BatchLayout::has_splits(column)) {
    const size_t unit = column.type == Type::kBytes ? sizeof(int64_t) : size_of(column.type);
    if (column.type == Type::kBytes && values_[c].size() == 0) {  // offsets begin with a zero
      const size_t expected = expect(hint.values, amount.values * unit + unit);
      std::memset(values_[c].reserve(unit, expected).data, 0, unit);
    }
    places.values =
        values_[c].reserve(amount.values * unit, expect(hint.values, amount.values * unit));
  }
  return places;
}

void Batch::store(Cells& cells, size_t first, size_t n, size_t row,
                  std::span<const Places> places) {
  for (size_t c = 0; c < cells.columns(); ++c) {
    const Column& column = layout_->columns()[c];
    if (!BatchLayout::grows(column)) {
      cells.store_numbers(c, first, n,
                          {fixed_row(c, row), BatchLayout::is_far(layout_->place(c).size)});
      continue;
    }
    const Places& place = places[c];
    const BatchLayout::Hint& hint = layout_->hint(c);
    const Cells::Target bytes{place.bytes.data,
                              BatchLayout::is_far(hint.bytes.load(std::memory_order_relaxed))};
    const auto data_begin = static_cast<int64_t>(place.bytes.begin);
    if (!BatchLayout::has_splits(column)) {
      cells.store_strings(c, first, n, data_begin, ends(c) + row * column.elements + 1, bytes);
    } else if (column.type == Type::kBytes) {
      const auto begin = static_cast<int64_t>(place.values.begin / sizeof(int64_t)) - 1;
      cells.store_splits(c, first, n, begin, ends(c) + row + 1);
      cells.store_strings(c, first, n, data_begin, reinterpret_cast<int64_t*>(place.values.data),
                          bytes);
    } else {
      const auto begin = static_cast<int64_t>(place.values.begin / size_of(column.type));
      cells.store_splits(c, first, n, begin, ends(c) + row + 1);
      cells.store_values(c, first, n, place.values.data);
    }
  }
}

void Batch::store_records(std::span<const ByteView> records, size_t row, const Places& places,
                          Outline* outline, size_t first) {
  auto end = static_cast<int64_t>(places.bytes.begin);
  uint8_t* out = places.bytes.data;
  const bool far = BatchLayout::is_far(layout_->hint(0).bytes.load(std::memory_order_relaxed));
  const Copier copy(far);
  for (size_t i = 0; i < records.size(); ++i) {
    if (outline != nullptr) {
      outline->bring(first + i, records[i].data, records[i].size, out, far);
    } else if (records[i].size != 0) {
      copy(out, records[i].data, records[i].size);
    }
    out += records[i].size;
    ends(0)[row + i + 1] = end += static_cast<int64_t>(records[i].size);
  }
}

void Batch::fail(size_t row, const Error& error) {
  std::lock_guard lock(failure_mutex_);
  if (!failure_ || row < failure_->row) failure_ = Failure{row, error};
}

void Batch::finish() {
  for (size_t c = 0; c < layout_->columns().size(); ++c) {
    const Column& column = layout_->columns()[c];
    if (!BatchLayout::grows(column)) continue;
    if (column.type == Type::kBytes) {
      learn(layout_->hint(c).bytes, somewhat_more(bytes_[c].size()));
      bytes_[c].join();
    }
    if (BatchLayout::has_splits(column)) {
      learn(layout_->hint(c).values, somewhat_more(values_[c].size()));
      if (column.type == Type::kBytes && values_[c].size() == 0) {
        std::memset(values_[c].reserve(sizeof(int64_t), 0).data, 0, sizeof(int64_t));
      }
      values_[c].join();
    }
    if (layout_->pads(c) && !failure_) pad(c);
    if (column.splits == Type::kInt32 && !failure_) narrow_splits(c);
  }
  if (layout_->sequences() && !failure_) gather();
}

// Of the records, by the thread that completes them, while they are in its cache.
void Batch::gather() {
  const uint8_t* const bytes = bytes_[0].memory().data();
  const int64_t* const offsets = ends(0);
  std::vector<ByteView> records(rows_);
  for (size_t i = 0; i < rows_; ++i) {
    records[i] = {bytes + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i])};
  }
  if (!gather_sequences(records, *layout_->sequences(), sequences_.emplace(),
                        layout_->sequences_pages())) {
    sequences_.reset();
    return;
  }
  size_t size = 0;
  for (const auto* columns : {&sequences_->context, &sequences_->lists}) {
    for (const SequenceArray& column : *columns) {
      size += column.values.capacity() + column.offsets.capacity();
    }
  }
  learn(layout_->sequences_hint(), size);
  bytes_[0].clear();
}

size_t Batch::split(size_t c, size_t row) const {
  const uint8_t* const splits = fixed(c);
  return splits_types_[c] == Type::kInt32 ? reinterpret_cast<const uint32_t*>(splits)[row]
                                          : reinterpret_cast<const uint64_t*>(splits)[row];
}

// In place, if they fit.
void Batch::narrow_splits(size_t c) {
  const int64_t* const wide = ends(c);
  if (wide[rows_] > std::numeric_limits<int32_t>::max()) return;
  uint8_t* const out = fixed(c);
  for (size_t i = 0; i <= rows_; ++i) {
    const auto split = static_cast<int32_t>(wide[i]);
    std::memcpy(out + i * sizeof split, &split, sizeof split);
  }
  splits_types_[c] = Type::kInt32;
}

void Batch::truncate(size_t rows) { rows_ = std::min(rows_, rows); }

// Sequences are gathered like ragged rows; here they get their common length.
void Batch::pad(size_t c) {
  const int64_t* const splits = ends(c);
  int64_t longest = 0;
  for (size_t i = 0; i < rows_; ++i) longest = std::max(longest, splits[i + 1] - splits[i]);
  if (layout_->columns()[c].type == Type::kBytes) {
    pad_strings(c, static_cast<size_t>(longest));
  } else {
    pad_numbers(c, static_cast<size_t>(longest));
  }
  const uint64_t elements = layout_->columns()[c].elements;
  longest_[c] = elements == 0 ? 0 : static_cast<size_t>(longest) / elements;
}

void Batch::pad_numbers(size_t c, size_t longest) {
  const Column& column = layout_->columns()[c];
  const size_t unit = size_of(column.type), row_size = longest * unit;
  if (row_size == 0) return;
  const int64_t* const splits = ends(c);
  std::vector<uint8_t> filling(row_size);
  for (size_t at = 0; column.default_numbers && at < row_size; at += unit) {
    std::memcpy(filling.data() + at, column.default_numbers->data(), unit);
  }
  GrowingArray padded(layout_->pages());
  uint8_t* out = padded.reserve(rows_ * row_size, 0).data;
  const uint8_t* const values = values_[c].memory().data();
  const Copier copy(BatchLayout::is_far(rows_ * row_size));
  for (size_t i = 0; i < rows_; ++i, out += row_size) {
    const auto begin = static_cast<size_t>(splits[i]) * unit,
               size = static_cast<size_t>(splits[i + 1]) * unit - begin;
    if (row_size <= kShortRow && begin + row_size <= values_[c].size() && i + 1 < rows_) {
      // As many bytes for each row, so that none is guessed wrong: what is too much is overwritten.
      std::memcpy(out, values + begin, row_size);
      std::memcpy(out + size, filling.data(), row_size);
    } else {
      copy(out, values + begin, size);
      copy(out + size, filling.data(), row_size - size);
    }
  }
  values_[c] = std::move(padded);
}

void Batch::pad_strings(size_t c, size_t longest) {
  const Column& column = layout_->columns()[c];
  const std::string fill = column.default_strings ? column.default_strings->front() : "";
  const int64_t* const splits = ends(c);
  const auto* const offsets = reinterpret_cast<const int64_t*>(values_[c].memory().data());
  const auto filled = rows_ * longest - static_cast<size_t>(splits[rows_]);
  GrowingArray ends(layout_->pages()), data(layout_->pages());
  auto* end =
      reinterpret_cast<int64_t*>(ends.reserve((rows_ * longest + 1) * sizeof(int64_t), 0).data);
  const uint8_t* const bytes = bytes_[c].memory().data();
  uint8_t* out = nullptr;  // empty strings take no bytes: those that are there stay
  if (!fill.empty()) {
    const auto size = static_cast<size_t>(offsets[splits[rows_]]);
    out = data.reserve(size + filled * fill.size(), 0).data;
  }
  int64_t added = 0;  // bytes before a row
  *end++ = 0;
  for (size_t i = 0; i < rows_; ++i) {
    const int64_t* const row = offsets + splits[i];
    const auto n = static_cast<size_t>(splits[i + 1] - splits[i]);
    for (size_t k = 1; k <= n; ++k) *end++ = row[k] + added;
    if (out == nullptr) {
      end = std::fill_n(end, longest - n, row[n]);
      continue;
    }
    const auto size = static_cast<size_t>(row[n] - row[0]);
    std::memcpy(out, bytes + row[0], size);
    out += size;
    for (size_t k = n; k < longest; ++k, out += fill.size()) {
      std::memcpy(out, fill.data(), fill.size());
      added += static_cast<int64_t>(fill.size());
      *end++ = row[n] + added;
    }
  }
  values_[c] = std::move(ends);
  if (out != nullptr) bytes_[c] = std::move(data);
}

}  // namespace headrace
