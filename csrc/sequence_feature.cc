#include "sequence_feature.h"

#include <bit>

namespace headrace {
namespace {

// A packed block up to its end, or unpacked values up to that of the list. No list is empty here.
template <class ReadValue>
int64_t read_numbers(WireCursor& cursor, uint8_t value_tag, ReadValue read_value) {
  int64_t count = 0;
  if (cursor.expect(delimited_tag(1))) {
    uint32_t length;
    if (!cursor.read_varint32(&length)) return kMalformed;
    const size_t limit = cursor.push_limit(length);
    for (; !cursor.at_end(); ++count) {
      if (!read_value()) return kMalformed;
    }
    cursor.pop_limit(limit);
    return count;
  }
  if (cursor.peek() != value_tag) return kMalformed;
  for (; !cursor.at_end(); ++count) {
    if (!cursor.expect(value_tag) || !read_value()) return kMalformed;
  }
  return count;
}

// A value that overruns its limit is counted, but not read.
int64_t read_strings(WireCursor& cursor, SequenceColumn* out) {
  int64_t count = 0;
  uint32_t length;
  ByteView value;
  for (; !cursor.at_end(); ++count) {
    if (!cursor.expect(delimited_tag(1)) || !cursor.read_varint32(&length)) return kMalformed;
    if (out == nullptr) {
      cursor.skip(length);
    } else {
      if (!cursor.read_raw(length, &value)) return kMalformed;
      out->strings.push_back(value);
    }
  }
  return count;
}

}  // namespace

int64_t read_feature(WireCursor& cursor, Kind kind, SequenceColumn* out) {
  uint32_t length;
  if (!cursor.expect(delimited_tag(static_cast<int>(kind)))) return kMalformed;
  if (!cursor.read_varint32(&length)) return kMalformed;
  if (length == 0) return 0;
  const size_t limit = cursor.push_limit(length);
  int64_t count = 0;
  switch (kind) {
    case Kind::kBytes:
      count = read_strings(cursor, out);
      break;
    case Kind::kFloat:
      count = read_numbers(cursor, fixed32_tag(1), [&] {
        uint32_t bits;
        if (!cursor.read_fixed32(&bits)) return false;
        if (out) out->floats.push_back(std::bit_cast<float>(bits));
        return true;
      });
      break;
    case Kind::kInt64:
      count = read_numbers(cursor, varint_tag(1), [&] {
        uint64_t value;
        if (!cursor.read_varint(&value)) return false;
        if (out) out->int64s.push_back(static_cast<int64_t>(value));
        return true;
      });
      break;
  }
  cursor.pop_limit(limit);
  return count;
}

RowState read_row(WireCursor& cursor, Kind kind, SequenceColumn* out, int64_t* count) {
  uint32_t length;
  *count = 0;
  if (!cursor.expect(delimited_tag(1)) || !cursor.read_varint32(&length))
    return RowState::kUnframed;
  if (length > 2) {
    const size_t limit = cursor.push_limit(length);
    *count = read_feature(cursor, kind, out);
    cursor.pop_limit(limit);
    return *count == kMalformed ? RowState::kMalformed : RowState::kGood;
  }
  if (length == 2) {
    const bool empty = cursor.expect(delimited_tag(static_cast<int>(kind))) &&
                       cursor.read_varint32(&length) && length == 0;  // also of more bytes than 2
    return empty ? RowState::kGood : RowState::kMalformed;
  }
  return length == 0 ? RowState::kGood : RowState::kUnframed;
}

}  // namespace headrace
