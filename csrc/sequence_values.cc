#include "sequence_values.h"

#include <algorithm>

#include "entry.h"

namespace headrace {
namespace {

constexpr uint8_t kRowTag = 0x0a;
constexpr uint8_t kInt64Tag = 0x08, kFloatTag = 0x0d;  // of unpacked values
constexpr ptrdiff_t kLongestVarint = 10;

// The first bytes of a row with one packed list, or one string, where each length takes a byte:
// 0a <n> <kind> <n - 2> 0a <n - 4>. No byte of the sum carries with n from 4 to 7f.
constexpr uint64_t kRowForm =
    kRowTag + (uint64_t{kPackedTag} << 32) - (uint64_t{2} << 24) - (uint64_t{4} << 40);
constexpr uint64_t kRowLengths = 0x010001000100, kRowBytes = 0xffffffffffff;
constexpr size_t kRowHead = 6;

// Number of varints that end in p[0, n), n <= kFew. 16 bytes at p are read.
constexpr size_t kFew = 16;
size_t count_few(const uint8_t* p, size_t n) {
  struct Tops {
    uint8_t bytes[2 * kFew] = {};
    constexpr Tops() { std::fill_n(bytes, kFew, uint8_t{0x80}); }
  };
  static constexpr Tops kTops;
  const uint8_t* const tops = kTops.bytes + kFew - n;  // n of them, then zeros
  const uint64_t ends =
      ((~load64(p) & load64(tops)) >> 7) + ((~load64(p + 8) & load64(tops + 8)) >> 7);
  return ends * 0x0101010101010101 >> 56;
}

std::string varint(uint64_t value) {
  uint8_t bytes[kLongestVarint];
  return {bytes, put_varint(value, bytes)};
}

}  // namespace

void GrowingBytes::reserve(size_t n, size_t times) {
  if (memory_ && size_ + n + kSlop <= memory_.capacity()) return;
  const size_t expected = std::max(2 * size_ + n, size_ + n * times + n * times / 8);
  const size_t enough = std::min(expected, most_);  // not if defaults are longer than what came in
  Buffer larger((enough < size_ + n ? expected : enough) + kSlop, pages_);
  if (size_ != 0) std::memcpy(larger.data(), memory_.data(), size_);
  memory_ = std::move(larger);
}

SequenceValues::SequenceValues(const Column& column, size_t examples, size_t bytes, Pages pages,
                               SequenceArray& out)
    : column_(column),
      examples_(examples),
      fixed_(column.layout == Layout::kFixed),
      ragged_(column.layout == Layout::kRagged),
      pages_(pages),
      row_head_(kRowForm + (uint64_t{kind_tag(column.kind)} << 16)),
      out_(out),
      bytes_(bytes, column.kind == Kind::kInt64 ? Pages::kOrdinary : pages) {
  out_ = {};
  ends_.reserve(examples);
  if (ragged_) {
    out_.value_splits = {0};
    out_.row_splits = {0};
  }
  if (!fixed_) return;
  if (column.default_strings) {
    for (const std::string& value : *column.default_strings) add_default(value);
  } else if (column.default_numbers) {
    const uint8_t* const numbers = column.default_numbers->data();
    for (size_t i = 0; i < column.elements; ++i) {
      add_default(column.kind == Kind::kInt64
                      ? varint(load64(numbers + i * sizeof(int64_t)))
                      : std::string(reinterpret_cast<const char*>(numbers) + i * sizeof(float),
                                    sizeof(float)));
    }
  }
}

void SequenceValues::add_default(const std::string& value) {
  defaults_.push_back(value + std::string(kSlop, '\0'));
}

bool SequenceValues::add_context(const uint8_t* p, const uint8_t* end) {
  size_t count;
  reserve(static_cast<size_t>(end - p));
  return add_feature(p, end, count) && add_count(count) && end_example();
}

bool SequenceValues::add_list(const uint8_t* p, const uint8_t* end) {
  reserve(static_cast<size_t>(end - p));
  return (column_.kind == Kind::kInt64   ? add_rows<Kind::kInt64>(p, end)
          : column_.kind == Kind::kFloat ? add_rows<Kind::kFloat>(p, end)
                                         : add_rows<Kind::kBytes>(p, end)) &&
         end_example();
}

bool SequenceValues::lack_context() {
  if (ragged_) return add_count(0) && end_example();
  if (!has_default()) return false;
  size_t one;
  for (const std::string& value : defaults_) {
    reserve(value.size());
    add_payload(reinterpret_cast<const uint8_t*>(value.data()), value.size() - kSlop, one);
  }
  return end_example();
}

bool SequenceValues::lack_list() {
  if (!ragged_ && !has_default()) return false;
  add_row_count(0);
  return end_example();
}

bool SequenceValues::end_example() {
  ends_.push_back(column_.kind == Kind::kInt64 ? bytes_.size() : values_);
  return true;
}

// Whether a Feature may have so many values.
bool SequenceValues::add_count(size_t count) {
  if (!ragged_) return count == column_.elements;
  out_.value_splits.push_back(static_cast<int64_t>(values_));
  return true;
}

void SequenceValues::add_row_count(int64_t rows) {
  if (ragged_) {
    out_.row_splits.push_back(out_.row_splits.back() + rows);
  } else {
    out_.rows.push_back(rows);
  }
}

template <Kind kKind>
bool SequenceValues::add_rows(const uint8_t* p, const uint8_t* end) {
  if (!ragged_ && column_.elements == 0) return false;
  const uint32_t empty_row = kRowTag | 2u << 8 | uint32_t{kind_tag(kKind)} << 16;
  int64_t rows = 0;
  for (; p != end; ++rows) {
    const uint64_t size = p[1];
    const uint8_t* const next = p + 2 + size;
    size_t count;
    const bool plain = ((load64(p) ^ (row_head_ + size * kRowLengths)) & kRowBytes) == 0;
    if (plain && size >= 4 && size < 0x80 && next <= end) {
      if (!add_payload<kKind>(p + kRowHead, size - 4, count)) return false;
      p = next;
    } else if (load32(p) == empty_row && next <= end) {
      count = 0;
      p = next;
    } else {
      size_t length;
      if (*p != kRowTag || (p = read_length(p + 1, end, length)) == nullptr) return false;
      if (!add_feature(p, p + length, count)) return false;
      p += length;
    }
    if (!add_count(count)) return false;
  }
  add_row_count(rows);
  return true;
}

// A Feature of any canonical form.
bool SequenceValues::add_feature(const uint8_t* p, const uint8_t* end, size_t& count) {
  count = 0;
  if (p == end) return true;
  const uint8_t* const list = open_last(p, end, kind_tag(column_.kind));
  if (list == nullptr) return false;
  if (list == end) return true;
  const uint8_t* const payload = open_last(list, end, kPackedTag);
  if (payload == nullptr) return add_unpacked(list, end, count);
  return add_payload(payload, static_cast<size_t>(end - payload), count);
}

bool SequenceValues::add_unpacked(const uint8_t* p, const uint8_t* end, size_t& count) {
  size_t one, size;
  for (; p < end; ++count, p += size) {
    const uint8_t tag = *p++;
    if (column_.kind == Kind::kBytes) {
      if (tag != kPackedTag || (p = read_length(p, end, size)) == nullptr) return false;
    } else if (column_.kind == Kind::kFloat) {
      size = sizeof(float);
      if (tag != kFloatTag || end - p < ptrdiff_t{sizeof(float)}) return false;
    } else {
      const uint8_t* last = p;
      while (last < end && *last >= 0x80) ++last;
      if (tag != kInt64Tag || last == end || last - p >= kLongestVarint) return false;
      size = static_cast<size_t>(last + 1 - p);
    }
    if (!add_payload(p, size, one)) return false;
  }
  return true;
}

// The payload of a packed list, or a string.
template <Kind kKind>
bool SequenceValues::add_payload(const uint8_t* p, size_t size, size_t& count) {
  bytes_.append(p, size);
  if constexpr (kKind == Kind::kFloat) {
    if (size % sizeof(float) != 0) return false;
    count = size / sizeof(float);
  } else if constexpr (kKind == Kind::kBytes) {
    count = 1;
    string_ends_.push_back(static_cast<int64_t>(bytes_.size()));
  } else {
    if (size != 0 && p[size - 1] >= 0x80) return false;
    count = size <= kFew ? count_few(p, size) : kernels_.count_varints(p, size);
  }
  values_ += count;
  return true;
}

bool SequenceValues::add_payload(const uint8_t* p, size_t size, size_t& count) {
  return column_.kind == Kind::kInt64   ? add_payload<Kind::kInt64>(p, size, count)
         : column_.kind == Kind::kFloat ? add_payload<Kind::kFloat>(p, size, count)
                                        : add_payload<Kind::kBytes>(p, size, count);
}

bool SequenceValues::finish() {
  size_t n = values_;
  if (column_.layout == Layout::kSequence) {
    const int64_t longest = *std::max_element(out_.rows.begin(), out_.rows.end());
    width_ = static_cast<size_t>(longest) * column_.elements;
    n = width_ * examples_;
  }
  out_.count = n;
  bytes_.reserve(0, 0);  // of no values there is memory, too
  if (column_.kind == Kind::kInt64) return decode(n);
  if (column_.kind == Kind::kBytes) {
    place_strings(n);
  } else if (n != values_) {
    pad_floats(n);
    return true;
  }
  out_.values = bytes_.take();
  return true;
}

// False if a varint has more than ten bytes.
bool SequenceValues::decode(size_t n) {
  out_.values = Buffer(n * sizeof(int64_t) + kSlop, pages_);
  auto* row = reinterpret_cast<int64_t*>(out_.values.data());
  const uint8_t* const bytes = bytes_.data();
  if (n == values_) return n == 0 || kernels_.decode_varints(bytes, bytes_.size(), row);
  size_t begin = 0;
  for (size_t e = 0; e < examples_; begin = ends_[e++], row += width_) {
    const size_t size = ends_[e] - begin;
    if (size != 0 && !kernels_.decode_varints(bytes + begin, size, row)) return false;
    std::fill(row + static_cast<size_t>(out_.rows[e]) * column_.elements, row + width_, 0);
  }
  return true;
}

void SequenceValues::pad_floats(size_t n) {
  out_.values = Buffer(n * sizeof(float) + kSlop, pages_);
  auto* row = reinterpret_cast<float*>(out_.values.data());
  const auto* const values = reinterpret_cast<const float*>(bytes_.data());
  size_t begin = 0;
  for (size_t e = 0; e < examples_; begin = ends_[e++], row += width_) {
    std::fill(std::copy(values + begin, values + ends_[e], row), row + width_, 0.0f);
  }
}

void SequenceValues::place_strings(size_t n) {
  out_.offsets = Buffer((n + 1) * sizeof(int64_t), pages_);
  auto* row = reinterpret_cast<int64_t*>(out_.offsets.data());
  *row++ = 0;
  const int64_t* const ends = string_ends_.data();
  if (n == values_) {
    std::copy(ends, ends + n, row);
    return;
  }
  size_t begin = 0;
  for (size_t e = 0; e < examples_; begin = ends_[e++], row += width_) {
    int64_t* const end = std::copy(ends + begin, ends + ends_[e], row);
    std::fill(end, row + width_, *(end - 1));
  }
}

}  // namespace headrace
