// The second half of Cells: what was found and counted is written to the arrays of a batch.
#include <bit>
#include <cstring>
#include <string>

#include "cells.h"
#include "convert.h"
#include "kernels/copier.h"
#include "kernels/kernels.h"

namespace headrace {
namespace {

std::string out_of_range(const std::string& value, Type type) {
  return "Value " + value + " is out of range for " + name_of(type) + ".";
}

}  // namespace

bool Cells::is_copied(const Column& column) {
  if (column.kind == Kind::kBytes) return !column.big_endian;
  return column.type == Type::kFloat32 && !is_direct(column);
}

bool Cells::bring_from(Outline& outline, size_t end) {
  outlined_ = kNone;
  if (slow_ == slow_before_) {
    for (size_t c = 0; c < schema_->size() && outlined_ == kNone; ++c) {
      if (lies_between(c, end)) outlined_ = c;
    }
  }
  if (outlined_ == kNone) slow_ = slow_before_;
  outline_ = &outline;
  return outlined_ != kNone;
}

// What was found must not depend on what was not read. It does not if one value has all of that:
// then the headers of all features lie elsewhere.
bool Cells::lies_between(size_t c, size_t end) const {
  if (!is_copied(column_at(c))) return false;
  for (size_t i = 0; i < records_.size(); ++i) {
    const uint64_t cell = cells(c)[i];
    const size_t size = records_[i].size;
    if (Cell::form(cell) != Cell::kPacked) return false;
    const size_t first = Cell::offset(cell), behind = first + Cell::size(cell);
    if (size > 2 * end && (first > end || behind < size - end)) return false;
  }
  return true;
}

void Cells::store_numbers(size_t c, size_t first, size_t n, Target target) {
  const Column& column = column_at(c);
  if (is_direct(column)) return store_direct(c, first, n, target.data);
  const size_t row_size = column.elements * size_of(column.type);
  store_rows(c, first, n, target.far, [&](size_t i) { return target.data + i * row_size; });
}

void Cells::place_numbers(size_t c, std::span<uint8_t* const> rows, bool far) {
  if (!is_direct(column_at(c))) {
    return store_rows(c, 0, rows.size(), far, [&](size_t i) { return rows[i]; });
  }
  for (size_t i = 0; i < rows.size(); ++i) store_direct(c, i, 1, rows[i]);
}

void Cells::store_direct(size_t c, size_t first, size_t n, uint8_t* out) {
  const Column& column = column_at(c);
  const uint64_t* const cell = cells(c) + first;
  const size_t row_size = size_of(column.type);
  if (column.type == Type::kInt64) {
    std::memcpy(out, cell, n * sizeof(int64_t));
  } else if (column.kind == Kind::kInt64) {
    const auto* values = reinterpret_cast<const int64_t*>(cell);
    for (size_t i = 0;; ++i) {
      i += convert_int64s(values + i, n - i, column.type, out + i * row_size);
      if (i == n) break;
      fail(first + i, column, out_of_range(std::to_string(values[i]), column.type));
    }
  } else if (column.type == Type::kFloat32) {
    for (size_t i = 0; i < n; ++i) {
      const auto bits = static_cast<uint32_t>(cell[i]);
      std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
    }
  } else {
    for (size_t i = 0; i < n; ++i) {
      const auto value = std::bit_cast<float>(static_cast<uint32_t>(cell[i]));
      if (convert_floats(&value, 1, column.type, out + i * row_size) != 1) {
        fail(first + i, column, out_of_range(std::to_string(value), column.type));
      }
    }
  }
}

template <class RowAt>
void Cells::store_rows(size_t c, size_t first, size_t n, bool far, const RowAt& row_at) {
  const Column& column = column_at(c);
  const uint64_t* const cell = cells(c) + first;
  const size_t row_size = column.elements * size_of(column.type);
  const bool copied = is_copied(column);
  const Copier copy(far);
  for (size_t i = 0; i < n; ++i) {
    if (c == outlined_) {
      outline_->bring(first + i, bytes_of(first + i, cell[i]), row_size, row_at(i), far);
    } else if (copied && Cell::form(cell[i]) == Cell::kPacked) {
      copy(row_at(i), bytes_of(first + i, cell[i]), row_size);
    } else {
      store_row(c, cell[i], first + i, row_at(i));
    }
  }
}

// One row of a fixed column that is not direct.
void Cells::store_row(size_t c, uint64_t cell, size_t record, uint8_t* out) {
  const Column& column = column_at(c);
  const size_t n = column.elements, row_size = n * size_of(column.type);
  if (Cell::form(cell) == Cell::kMissing) {
    if (column.default_numbers) std::memcpy(out, column.default_numbers->data(), row_size);
    return;
  }
  if (column.layout == Layout::kRaw) {
    const uint8_t* const data = Cell::form(cell) == Cell::kSide
                                    ? side_strings_[side_of(cell).begin].data
                                    : bytes_of(record, cell);
    std::memcpy(out, data, row_size);
    if (column.big_endian) swap_bytes(out, n, column.type);
    return;
  }
  if (column.type == Type::kInt64) {
    copy_int64s(cell, record, reinterpret_cast<int64_t*>(out), n);
  } else if (column.type == Type::kFloat32) {
    copy_floats(cell, record, reinterpret_cast<float*>(out), n);
  } else if (column.kind == Kind::kInt64) {
    wide_int64s_.resize(n);
    if (!copy_int64s(cell, record, wide_int64s_.data(), n)) return;
    const size_t good = convert_int64s(wide_int64s_.data(), n, column.type, out);
    if (good != n)
      fail(record, column, out_of_range(std::to_string(wide_int64s_[good]), column.type));
  } else {
    wide_floats_.resize(n);
    copy_floats(cell, record, wide_floats_.data(), n);
    const size_t good = convert_floats(wide_floats_.data(), n, column.type, out);
    if (good != n)
      fail(record, column, out_of_range(std::to_string(wide_floats_[good]), column.type));
  }
}

// The n values of a counted cell. False if a varint turns out to be longer than ten bytes.
bool Cells::copy_int64s(uint64_t cell, size_t record, int64_t* out, size_t n) {
  if (n == 0) return true;
  if (Cell::form(cell) == Cell::kSide) {
    std::memcpy(out, side_int64s_.data() + side_of(cell).begin, n * sizeof *out);
    return true;
  }
  if (kernels().decode_varints(bytes_of(record, cell), Cell::size(cell), out)) return true;
  parse_exactly(record);
  return false;
}

void Cells::copy_floats(uint64_t cell, size_t record, float* out, size_t n) const {
  if (n == 0) return;
  const void* const values =
      Cell::form(cell) == Cell::kSide
          ? static_cast<const void*>(side_floats_.data() + side_of(cell).begin)
          : bytes_of(record, cell);
  std::memcpy(out, values, n * sizeof *out);
}

void Cells::store_splits(size_t c, size_t first, size_t n, int64_t base, int64_t* splits) const {
  const Measured& measured = measured_[c];
  if (column_at(c).kind == Kind::kBytes) {
    const size_t begin = measured.begins[first];
    for (size_t i = 0; i < n; ++i) {
      splits[i] = base + static_cast<int64_t>(measured.begins[first + i + 1] - begin);
    }
    return;
  }
  for (size_t i = 0; i < n; ++i) splits[i] = base += measured.counts[first + i];
}

void Cells::store_values(size_t c, size_t first, size_t n, uint8_t* out) {
  if (column_at(c).kind == Kind::kInt64) {
    store_int64_lists(c, first, n, reinterpret_cast<int64_t*>(out));
    return;
  }
  const auto& counts = measured_[c].counts;
  const Copier copy(/*far=*/false);
  for (size_t i = first; i < first + n; ++i) {
    const uint64_t cell = cells(c)[i];
    const size_t size = counts[i] * sizeof(float);
    if (c == outlined_) {
      outline_->bring(i, bytes_of(i, cell), size, out, /*far=*/false);
    } else if (Cell::form(cell) == Cell::kPacked) {
      copy(out, bytes_of(i, cell), size);
    } else {
      copy_floats(cell, i, reinterpret_cast<float*>(out), counts[i]);
    }
    out += size;
  }
}

// Short packed lists are put behind one another, and decoded like one that is long.
void Cells::store_int64_lists(size_t c, size_t first, size_t n, int64_t* out) {
  const uint64_t* const cell = cells(c);
  const auto& counts = measured_[c].counts;
  uint8_t* const gathered = gathered_.data();
  size_t begin = first, size = 0;  // what is gathered: from which record, how many bytes
  int64_t* begin_out = out;
  const auto decode = [&](size_t end) {
    if (size != 0 && !kernels().decode_varints(gathered, size, begin_out)) {
      int64_t* at = begin_out;  // one of them has a varint of more than ten bytes
      for (size_t i = begin; i < end; at += counts[i++]) copy_int64s(cell[i], i, at, counts[i]);
    }
    size = 0;
  };
  for (size_t i = first; i < first + n; ++i) {
    const bool missing = cell[i] == Cell::missing();
    const size_t list_size = missing ? 0 : cell[i] >> 32;
    if (list_size <= kShortList && size < kGathered) {
      const uint8_t* const list = bytes_of(i, cell[i]);
      std::memcpy(gathered + size, list, kShortList / 2);
      if (list_size > kShortList / 2) {
        std::memcpy(gathered + size + kShortList / 2, list + kShortList / 2, kShortList / 2);
      }
      size += list_size;
    } else {
      decode(i);
      copy_int64s(cell[i], i, out, counts[i]);
      begin = i + 1;
      begin_out = out + counts[i];
    }
    out += counts[i];
  }
  decode(first + n);
}

void Cells::store_strings(size_t c, size_t first, size_t n, int64_t base, int64_t* offsets,
                          Target target) const {
  const Measured& measured = measured_[c];
  const size_t begin = measured.begins[first], end = measured.begins[first + n];
  const int64_t before = base;
  for (size_t k = begin; k < end; ++k) {
    *offsets++ = base += static_cast<int64_t>(measured.strings[k].size);
  }
  uint8_t* out = target.data;
  const uint8_t* const out_end = out + (base - before);
  const Copier copy(target.far);
  for (size_t k = begin; k < end; out += measured.strings[k++].size) {
    const ByteView& string = measured.strings[k];
    if (c == outlined_) {
      // It is the only one of its record.
      outline_->bring(k, string.data, string.size, out, target.far);
    } else {
      copy.within(out_end, out, string.data, string.size);
    }
  }
}

}  // namespace headrace
