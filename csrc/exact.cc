#include "exact.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "error.h"

namespace headrace {
namespace {

// Slots are what TensorFlow allots before it reads: the rules for a list depend on it.
bool has_slots(Layout layout) { return layout == Layout::kFixed || layout == Layout::kRaw; }
constexpr size_t kAnyNumber = std::numeric_limits<size_t>::max();

}  // namespace

size_t minibatch_begin(std::span<const ByteView> records, size_t row) {
  constexpr size_t kFewest = 8, kMost = 64, kBytes = 50000;
  const size_t rows = records.size();
  size_t groups = 0, bytes = 0;
  for (const ByteView& record : records) {
    if (bytes == 0) ++groups;
    bytes += record.size + 1;
    if (bytes > kBytes) bytes = 0;
  }
  const size_t minibatches = std::max(std::min(kFewest, rows), std::min(kMost, groups));
  // The last j with rows * j / minibatches <= row.
  const size_t j = ((row + 1) * minibatches - 1) / rows;
  return rows * j / minibatches;
}

ExactParser::ExactParser(std::shared_ptr<const Schema> schema, ParseMode mode)
    : schema_(std::move(schema)), mode_(mode), cells_(schema_->size()) {
  const auto& columns = schema_->columns();
  for (size_t i = 0; i < columns.size(); ++i) by_key_.push_back(static_cast<int>(i));
  std::sort(by_key_.begin(), by_key_.end(),
            [&](int a, int b) { return columns[a].key < columns[b].key; });
}

bool ExactParser::parse(ByteView record, const Row& row) {
  entries_.clear();
  int64s_.clear();
  floats_.clear();
  strings_.clear();
  std::fill(cells_.begin(), cells_.end(), Cell{});

  if (!read_example(record)) {
    fail("Could not parse example input, value: '");
    error_.quote = error_.text.size();
    error_.text += escape_bytes(record.text()) + '\'';
    return false;
  }
  // Of equal keys the last one counts, and the last bad entry is the one reported.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const int column = find(entry->key.text());
    if (column != Schema::kNotWanted && !take_feature(*entry, column, row)) return false;
  }
  return check_missing(row);
}

// Example: Features fields are merged, unknown fields skipped.
bool ExactParser::read_example(ByteView record) {
  if (record.size > WireCursor::kMaxSize) return false;
  WireCursor cursor(record);
  while (!cursor.at_end()) {
    if (cursor.expect(delimited_tag(1))) {
      if (!read_features(cursor)) return false;
    } else {
      uint32_t tag;
      if (!cursor.read_varint32(&tag) || !cursor.skip_field(tag)) return false;
    }
  }
  return true;
}

// Features: nothing but entries.
bool ExactParser::read_features(WireCursor& cursor) {
  uint32_t length;
  if (!cursor.read_varint32(&length)) return false;
  const size_t limit = cursor.push_limit(length);
  while (!cursor.at_end()) {
    if (!cursor.expect(delimited_tag(1)) || !read_entry(cursor)) return false;
  }
  cursor.pop_limit(limit);
  return true;
}

// An entry of the map: exactly two fields, each a key or a Feature.
bool ExactParser::read_entry(WireCursor& cursor) {
  uint32_t length, tag;
  if (!cursor.read_varint32(&length)) return false;
  const size_t limit = cursor.push_limit(length);
  Entry entry;
  for (int field = 0; field < 2; ++field) {
    if (!cursor.read_varint32(&tag)) return false;
    if (tag != delimited_tag(1) && tag != delimited_tag(2)) return false;
    if (!cursor.read_string(tag == delimited_tag(1) ? &entry.key : &entry.feature)) return false;
  }
  if (!cursor.at_end()) return false;
  cursor.pop_limit(limit);
  entries_.push_back(entry);
  return true;
}

int ExactParser::find(std::string_view key) const {
  const auto& columns = schema_->columns();
  const auto at = std::lower_bound(by_key_.begin(), by_key_.end(), key,
                                   [&](int i, std::string_view k) { return columns[i].key < k; });
  return at != by_key_.end() && columns[*at].key == key ? *at : Schema::kNotWanted;
}

bool ExactParser::take_feature(const Entry& entry, int index, const Row& row) {
  const Column& column = schema_->columns()[index];
  Cell& cell = cells_[index];
  const ByteView feature = entry.feature;
  const uint8_t tag = feature.size == 0 ? 0 : feature.data[0];
  const bool no_kind = feature.size == 0;
  if (!no_kind && tag != delimited_tag(1) && tag != delimited_tag(2) && tag != delimited_tag(3)) {
    return fail("Unsupported datatype.");
  }
  const bool keeps_empty = mode_ == ParseMode::kBatch && column.layout == Layout::kRagged;
  if (cell.present || (no_kind && !keeps_empty)) return true;
  cell.present = true;
  if (no_kind) return true;

  const Kind kind = static_cast<Kind>(tag >> 3);
  if (kind != column.kind) {
    const std::string wanted = name_of(column.kind), found = name_of(kind);
    return fail(prefix(column, row) + "Data types don't match. " +
                (column.layout == Layout::kRagged
                     ? "Expected type: " + wanted + ", Actual type: " + found
                     : "Data type: " + found + " but expected type: " + wanted));
  }
  if (!read_list({feature.data + 1, feature.size - 1}, column, cell)) {
    const std::string list = std::string(values_name(column.kind)) + "_list";
    const bool counted = column.kind == Kind::kBytes && !has_slots(column.layout);
    return fail(prefix(column, row) + "Can't parse serialized Example" +
                (mode_ == ParseMode::kBatch ? "."
                 : counted                  ? ": Could not get num elements in " + list + "."
                                            : ": Parsing " + list + " failed."));
  }
  return check_count(index, row);
}

// Only the first list of the Feature is read, and of a packed list only the first block.
bool ExactParser::read_list(ByteView list, const Column& column, Cell& cell) {
  const size_t slots = column.layout == Layout::kFixed ? column.elements
                       : column.layout == Layout::kRaw ? 1
                                                       : kAnyNumber;
  WireCursor cursor(list);
  uint32_t length;
  if (!cursor.read_varint32(&length)) return false;
  cursor.push_limit(length);
  bool good = true;
  switch (column.kind) {
    case Kind::kInt64:
      cell.begin = int64s_.size();
      good = read_int64s(cursor);
      cell.count = int64s_.size() - cell.begin;
      break;
    case Kind::kFloat:
      cell.begin = floats_.size();
      good = read_floats(cursor, slots, &cell.count);
      break;
    case Kind::kBytes:
      cell.begin = strings_.size();
      good = read_strings(cursor, slots);
      cell.count = strings_.size() - cell.begin;
      break;
  }
  return good;
}

bool ExactParser::read_int64s(WireCursor& cursor) {
  uint64_t value;
  uint32_t length;
  if (cursor.at_end()) return true;
  if (cursor.expect(delimited_tag(1))) {
    if (!cursor.read_varint32(&length)) return false;
    cursor.push_limit(length);
    while (!cursor.at_end()) {
      if (!cursor.read_varint(&value)) return false;
      int64s_.push_back(static_cast<int64_t>(value));
    }
    return true;
  }
  while (!cursor.at_end()) {
    if (!cursor.expect(varint_tag(1)) || !cursor.read_varint(&value)) return false;
    int64s_.push_back(static_cast<int64_t>(value));
  }
  return true;
}

// `count` is what a packed block announces; only the slots are read of it.
bool ExactParser::read_floats(WireCursor& cursor, size_t slots, size_t* count) {
  uint32_t bits;
  if (cursor.expect(delimited_tag(1))) {
    uint32_t length;
    ByteView bytes;
    if (!cursor.read_varint32(&length)) return false;
    *count = length / sizeof(float);
    const size_t taken = std::min(*count, slots);
    if (!cursor.read_raw(taken * sizeof(float), &bytes)) return false;
    const size_t begin = floats_.size();
    floats_.resize(begin + taken);
    if (taken > 0) std::memcpy(floats_.data() + begin, bytes.data, bytes.size);
    return true;
  }
  for (*count = 0; !cursor.at_end(); ++*count) {
    if (!cursor.expect(fixed32_tag(1)) || !cursor.read_fixed32(&bits)) return false;
    floats_.push_back(std::bit_cast<float>(bits));
  }
  return true;
}

// A value beyond the slots is malformed, not a wrong count.
bool ExactParser::read_strings(WireCursor& cursor, size_t slots) {
  ByteView value;
  for (size_t count = 0; !cursor.at_end(); ++count) {
    if (!cursor.expect(delimited_tag(1)) || !cursor.read_string(&value) || count == slots) {
      return false;
    }
    strings_.push_back(value);
  }
  return true;
}

bool ExactParser::check_count(int index, const Row& row) {
  const Column& column = schema_->columns()[index];
  const size_t count = cells_[index].count;
  const std::string found = std::to_string(count), values = values_name(column.kind);
  const bool batch = mode_ == ParseMode::kBatch;

  if (has_slots(column.layout)) {
    const bool raw = column.layout == Layout::kRaw;
    const size_t slots = raw ? 1 : column.elements;
    if (count != slots) {
      return fail(prefix(column, row) +
                  (batch ? "Number of " + values + " values != expected.  Values size: " + found +
                               " but output shape: " + (raw ? "[]" : shape_text(column.shape))
                         : "Can't parse serialized Example: Some " + values +
                               "_list slice was not parsed."));
    }
    const size_t bytes = column.elements * size_of(column.type);
    if (raw && strings(index)[0].size != bytes) {
      return fail(prefix(column, row) + "The bytes value has " +
                  std::to_string(strings(index)[0].size) + " bytes, but shape " +
                  shape_text(column.shape) + " needs " + std::to_string(bytes) + ".");
    }
  } else if (column.layout == Layout::kSequence) {
    if (column.elements == 0) {
      return fail(prefix(column, row) + "A sequence of shape " + shape_text(column.shape) +
                  " has no length.");
    }
    if (count % column.elements == 0) return true;
    if (!batch) {
      return fail("Error while parsing feature with key " + escape_text(column.key) +
                  ": number of elements should be divisible by " + std::to_string(column.elements) +
                  ", found " + found + " instead");
    }
    const std::string before = prefix(column, row) + "Number of " + values +
                               " values is not a multiple of stride length. Saw ";
    fail(before + found + " values but output shape is: " + shape_text(column.shape, "?"));
    error_.column = index;
    error_.saw = count;
    error_.saw_at = before.size();
    return false;
  }
  return true;
}

bool ExactParser::check_missing(const Row& row) {
  for (const int index : by_key_) {
    const Column& column = schema_->columns()[index];
    const bool has_default = column.default_numbers || column.default_strings;
    if (!has_slots(column.layout) || cells_[index].present || has_default) continue;
    const std::string name = "Name: " + escape_text(row.name) + ", ";
    fail((mode_ == ParseMode::kBatch ? name : "") + missing_text(column));
    error_.detail = keys_text();
    return false;
  }
  return true;
}

std::string ExactParser::prefix(const Column& column, const Row& row) const {
  const std::string key = "Key: " + escape_text(column.key);
  if (mode_ == ParseMode::kSingle) return key + ".  ";
  return "Name: " + escape_text(row.name) + ", " + key + ", Index: " + std::to_string(row.index) +
         ".  ";
}

std::string ExactParser::keys_text() const {
  constexpr size_t kMostKeys = 32;
  if (entries_.empty()) return "The record has no features.";
  std::string text = "The record has:";
  for (size_t i = 0; i < std::min(entries_.size(), kMostKeys); ++i) {
    text += (i == 0 ? " '" : ", '") + escape_text(entries_[i].key.text()) + '\'';
  }
  if (entries_.size() > kMostKeys) {
    text += " and " + std::to_string(entries_.size() - kMostKeys) + " more";
  }
  return text + '.';
}

bool ExactParser::fail(std::string text) {
  error_ = {};
  error_.text = std::move(text);
  return false;
}

}  // namespace headrace
