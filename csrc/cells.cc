#include "cells.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "kernels/kernels.h"
#include "lists.h"

namespace headrace {
namespace {

// The columns of cells begin in different sets of the cache.
size_t stride_for(size_t records) { return (records + 7) / 8 * 8 | 8; }

static_assert(kNoList == Cell::missing());

// Whether a row of the column may have so many values.
bool fits(const Column& column, size_t count) {
  if (column.layout == Layout::kRagged) return true;
  return column.layout == Layout::kFixed ? count == column.elements : count % column.elements == 0;
}

}  // namespace

bool Cells::is_direct(const Column& column) {
  return column.layout == Layout::kFixed && column.elements == 1 &&
         (column.type == Type::kInt64 || column.type == Type::kFloat32 || !column.default_numbers);
}

Cells::Cells(std::shared_ptr<const Schema> schema, ParseMode mode)
    : schema_(std::move(schema)),
      mode_(mode),
      locator_(schema_),
      exact_(schema_, mode),
      measured_(schema_->size()),
      defaults_(schema_->size()),
      gathered_(kGathered + kShortList + kSlop) {
  for (size_t c = 0; c < schema_->size(); ++c) {
    if (const auto& texts = column_at(c).default_strings) {
      for (const std::string& text : *texts) {
        defaults_[c].insert(defaults_[c].end(), text.begin(), text.end());
      }
    }
    defaults_[c].resize(defaults_[c].size() + kSlop);
  }
}

void Cells::locate(std::span<const ByteView> records, const RowOf& row_of) {
  records_ = records;
  row_of_ = &row_of;
  stride_ = stride_for(records.size());
  const size_t size = stride_ * std::max<size_t>(schema_->size(), 1);
  if (cells_.size() < size) cells_.resize(size);
  refused_.clear();
  sides_.clear();
  side_int64s_.clear();
  side_floats_.clear();
  side_strings_.clear();
  errors_.clear();
  exact_record_ = kNone;
  outlined_ = kNone;
  slow_before_ = slow_;

  locator_.locate(records, cells_.data(), stride_, refused_);
  slow_ += refused_.size();
  for (const uint32_t record : refused_) {
    const bool good = parse_exactly(record);
    for (size_t c = 0; c < schema_->size(); ++c) {
      cells(c)[record] = good ? keep_exact(c) : Cell::missing();
    }
  }
}

void Cells::measure() {
  for (size_t c = 0; c < schema_->size(); ++c) {
    const Column& column = column_at(c);
    if (column.layout == Layout::kRaw) {
      measure_sized(c, column.elements * size_of(column.type));
    } else if (column.kind == Kind::kBytes) {
      measure_strings(c);
    } else if (column.layout != Layout::kFixed) {
      measure_growing_numbers(c);
    } else if (column.kind == Kind::kInt64) {
      is_direct(column) ? measure_single_int64s(c) : measure_fixed_int64s(c);
    } else {
      is_direct(column) ? measure_single_floats(c)
                        : measure_sized(c, column.elements * sizeof(float));
    }
  }
}

void Cells::measure_single_int64s(size_t c) {
  const Column& column = column_at(c);
  uint64_t* const cell = cells(c);
  const size_t n = records_.size();
  const uint64_t absent = single_default(column);
  for (size_t i = 0;; ++i) {
    i += kernels().decode_single_varints(records_.data() + i, cell + i, n - i,
                                         column.default_numbers ? &absent : nullptr);
    if (i == n) return;
    const uint64_t resolved = resolve(c, i);
    cell[i] = Cell::form(resolved) == Cell::kSide
                  ? static_cast<uint64_t>(side_int64s_[side_of(resolved).begin])
                  : absent;
  }
}

void Cells::measure_single_floats(size_t c) {
  const Column& column = column_at(c);
  uint64_t* const cell = cells(c);
  const uint64_t absent = single_default(column);
  const bool may_miss = column.default_numbers.has_value();
  for (size_t i = 0; i < records_.size(); ++i) {
    // Loads one or the other without a branch, for who knows which features are missing.
    const bool misses = may_miss && cell[i] == Cell::missing();
    if (misses || cell[i] >> 32 == sizeof(float)) {
      const auto* const other = reinterpret_cast<const uint8_t*>(&absent);
      cell[i] = load32(misses ? other : bytes_of(i, cell[i]));
      continue;
    }
    const uint64_t resolved = resolve(c, i);
    cell[i] = Cell::form(resolved) == Cell::kSide
                  ? std::bit_cast<uint32_t>(side_floats_[side_of(resolved).begin])
                  : absent;
  }
}

void Cells::measure_fixed_int64s(size_t c) {
  const Column& column = column_at(c);
  uint64_t* const cell = cells(c);
  const auto fits = [&](size_t record) {
    if (Cell::form(cell[record]) != Cell::kPacked) return false;
    const uint8_t* const list = bytes_of(record, cell[record]);
    const size_t size = Cell::size(cell[record]);
    return kernels().count_varints(list, size) == column.elements &&
           (size == 0 || list[size - 1] < 0x80);
  };
  for (size_t i = 0; i < records_.size(); ++i) {
    if (!fits(i)) cell[i] = resolve(c, i);
  }
}

void Cells::measure_growing_numbers(size_t c) {
  const Column& column = column_at(c);
  uint64_t* const cell = cells(c);
  auto& counts = measured_[c].counts;
  const size_t n = records_.size();
  counts.resize(n);
  if (column.kind == Kind::kInt64) {
    for (size_t i = 0;; ++i) {
      i += kernels().count_lists(records_.data() + i, cell + i, n - i, counts.data() + i);
      if (i == n) break;
      measure_list(c, i);
    }
  } else {
    for (size_t i = 0; i < n; ++i) {
      const size_t size = cell[i] == Cell::missing() ? 0 : cell[i] >> 32;
      counts[i] = static_cast<uint32_t>(size / sizeof(float));
      if (size > Cell::kLargestSize || size % sizeof(float) != 0) measure_list(c, i);
    }
  }
  if (column.layout != Layout::kSequence || column.elements == 1) return;
  for (size_t i = 0; i < n; ++i) {
    if (counts[i] % column.elements != 0) measure_list(c, i);
  }
}

// Of a growing column, where it is not simply packed numbers.
void Cells::measure_list(size_t c, size_t record) {
  uint64_t& cell = cells(c)[record];
  cell = resolve(c, record);
  const size_t count = Cell::form(cell) == Cell::kSide ? side_of(cell).count : 0;
  measured_[c].counts[record] = static_cast<uint32_t>(count);
}

void Cells::measure_strings(size_t c) {
  const Column& column = column_at(c);
  uint64_t* const cell = cells(c);
  auto& [counts, strings, begins] = measured_[c];
  strings.clear();
  begins.resize(records_.size() + 1);
  const bool fixed = column.layout == Layout::kFixed;
  const bool takes_one = fits(column, 1);
  for (size_t i = 0; i < records_.size(); ++i) {
    begins[i] = strings.size();
    if (Cell::form(cell[i]) == Cell::kPacked && takes_one) {
      strings.push_back({bytes_of(i, cell[i]), Cell::size(cell[i])});
      continue;
    }
    if (Cell::form(cell[i]) == Cell::kList) {
      const bool good = append_strings(bytes_of(i, cell[i]), Cell::size(cell[i]), strings);
      if (good && fits(column, strings.size() - begins[i])) continue;
      strings.resize(begins[i]);
    }
    const uint64_t resolved = resolve(c, i);
    if (Cell::form(resolved) == Cell::kSide) {
      const Side& side = side_of(resolved);
      const auto first = side_strings_.begin() + static_cast<ptrdiff_t>(side.begin);
      strings.insert(strings.end(), first, first + static_cast<ptrdiff_t>(side.count));
    } else if (fixed && column.default_strings && !failed(i)) {
      const uint8_t* p = defaults_[c].data();
      for (const std::string& text : *column.default_strings) {
        strings.push_back({p, text.size()});
        p += text.size();
      }
    } else if (fixed) {
      strings.resize(strings.size() + column.elements, {defaults_[c].data(), 0});
    }
  }
  begins[records_.size()] = strings.size();
}

// Of so many bytes in all records.
void Cells::measure_sized(size_t c, size_t size) {
  uint64_t* const cell = cells(c);
  // No cell is of more than the largest size.
  const uint64_t wanted =
      size <= Cell::kLargestSize ? Cell::pack(Cell::kPacked, size, 0) >> 32 : UINT64_MAX;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (cell[i] >> 32 != wanted) cell[i] = resolve(c, i);
  }
}

// What stands for a cell that cannot be used as it is: values aside, or kMissing, which means the
// default, nothing, or that the record has failed.
uint64_t Cells::resolve(size_t c, size_t record) {
  const Column& column = column_at(c);
  const uint64_t cell = cells(c)[record];
  const bool fixed = column.layout == Layout::kFixed || column.layout == Layout::kRaw;
  if (Cell::form(cell) == Cell::kSide) return cell;
  if (Cell::form(cell) == Cell::kMissing) {
    const bool optional = !fixed || column.default_numbers || column.default_strings;
    if (optional || failed(record)) return cell;
  }
  if (Cell::form(cell) == Cell::kList && column.kind != Kind::kBytes) {
    const uint64_t walked = walk_list(column, record, cell);
    const bool good = Cell::form(walked) == Cell::kSide;
    if (good && fits(column, side_of(walked).count)) return walked;
  }
  ++slow_;
  return parse_exactly(record) ? keep_exact(c) : Cell::missing();
}

// Reads an unpacked list of numbers. kMissing if it is not one throughout.
uint64_t Cells::walk_list(const Column& column, size_t record, uint64_t cell) {
  const uint8_t* const list = bytes_of(record, cell);
  const size_t size = Cell::size(cell);
  const auto read = [&](auto& side) {
    const size_t begin = side.size();
    return append_unpacked(list, size, side) ? add_side(begin, side.size() - begin)
                                             : Cell::missing();
  };
  return column.kind == Kind::kInt64 ? read(side_int64s_) : read(side_floats_);
}

uint64_t Cells::add_side(size_t begin, size_t count) {
  sides_.push_back({begin, count});
  return Cell::pack(Cell::kSide, 0, sides_.size() - 1);
}

// Copies a column of what the exact parser holds.
uint64_t Cells::keep_exact(size_t c) {
  if (!exact_.present(c)) return Cell::missing();
  const auto keep = [&](auto& side, auto values) {
    side.insert(side.end(), values.begin(), values.end());
    return add_side(side.size() - values.size(), values.size());
  };
  switch (column_at(c).kind) {
    case Kind::kInt64:
      return keep(side_int64s_, exact_.int64s(c));
    case Kind::kFloat:
      return keep(side_floats_, exact_.floats(c));
    default:
      return keep(side_strings_, exact_.strings(c));
  }
}

bool Cells::parse_exactly(size_t record) {
  if (exact_record_ != record) {
    exact_record_ = record;
    exact_good_ = exact_.parse(records_[record], (*row_of_)(record));
    if (!exact_good_ && !failed(record)) errors_.push_back({record, exact_.error()});
  }
  return exact_good_;
}

bool Cells::failed(size_t record) const {
  return std::any_of(errors_.begin(), errors_.end(),
                     [&](const RowError& error) { return error.record == record; });
}

void Cells::fail(size_t record, const Column& column, const std::string& what) {
  if (failed(record)) return;
  ParseError error;
  const ExactParser::Row row = (*row_of_)(record);
  error.text = "Key: " + escape_text(column.key);
  if (mode_ == ParseMode::kBatch) {
    error.text = "Name: " + escape_text(row.name) + ", " + error.text +
                 ", Index: " + std::to_string(row.index);
  }
  error.text += ".  " + what;
  errors_.push_back({record, std::move(error)});
}

// Of a direct column.
uint64_t Cells::single_default(const Column& column) const {
  uint64_t value = 0;
  if (column.default_numbers) {
    std::memcpy(&value, column.default_numbers->data(), column.default_numbers->size());
  }
  return value;
}

Amount Cells::amount(size_t c, size_t first, size_t n) const {
  const Measured& measured = measured_[c];
  Amount amount;
  if (column_at(c).kind == Kind::kBytes) {
    const size_t begin = measured.begins[first], end = measured.begins[first + n];
    amount.values = end - begin;
    for (size_t k = begin; k < end; ++k) amount.bytes += measured.strings[k].size;
  } else {
    for (size_t i = first; i < first + n; ++i) amount.values += measured.counts[i];
  }
  return amount;
}

}  // namespace headrace
