// Entry: one feature of a canonical Example, as it stands in the record.
//
//   0a <size> 0a <key size> <key> 12 <size> <kind> <size> <list>
#pragma once

#include <cstdint>
#include <string_view>

#include "bytes.h"
#include "cell.h"
#include "schema.h"

namespace headrace {

// Tags of the messages on the way to a value; all fields are length-delimited.
inline constexpr uint8_t kFeaturesTag = 0x0a;  // Example.features
inline constexpr uint8_t kEntryTag = 0x0a;     // Features.feature
inline constexpr uint8_t kKeyTag = 0x0a;
inline constexpr uint8_t kValueTag = 0x12;
inline constexpr uint8_t kPackedTag = 0x0a;  // field 1 of each list

inline uint8_t kind_tag(Kind kind) {
  return static_cast<uint8_t>(static_cast<unsigned>(kind) << 3 | 2);
}

// The tag of an unpacked value, where just one must be there; else what no byte is. Whoever reads a
// cell of such a column looks whether it holds one value.
uint16_t unpacked_tag(const Column& column);

struct Entry {
  std::string_view key;
  const uint8_t* value;  // the Feature
  const uint8_t* end;
};

// Writes a varint, in the shortest form; returns where it ends. It has at most 10 bytes.
inline uint8_t* put_varint(uint64_t v, uint8_t* out) {
  while (v >= 0x80) {
    *out++ = static_cast<uint8_t>(v | 0x80);
    v >>= 7;
  }
  *out++ = static_cast<uint8_t>(v);
  return out;
}

// All of these look at [p, end) and may load kSlop bytes behind it.

// Reads a length that must fit between its own end and `end`. Null if it does not, or is longer
// than a cell can say.
inline const uint8_t* read_length(const uint8_t* p, const uint8_t* end, size_t& length) {
  uint64_t value = *p++;
  if (value >= 0x80) {
    value &= 0x7f;
    for (int shift = 7;; shift += 7) {
      if (shift > 28) return nullptr;
      const uint64_t byte = *p++;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  if (p > end || value > static_cast<size_t>(end - p) || value > Cell::kLargestSize) return nullptr;
  length = static_cast<size_t>(value);
  return p;
}

// Where the entries of a record begin; they end where it does. Null if it is not canonical.
const uint8_t* open_features(ByteView record);

// A length-delimited field that ends exactly at `end`: its contents. Null if there is none.
const uint8_t* open_last(const uint8_t* p, const uint8_t* end, uint8_t tag);

// The entry at p < end. False if it is not canonical.
bool read_entry(const uint8_t* p, const uint8_t* end, Entry& entry);

// The cell of a list [p, end): packed if one length-delimited field fills it.
uint64_t cell_of_list(ByteView record, const uint8_t* p, const uint8_t* end);

// The cell of an entry with the key of this column: kMissing if it is as good as absent. False if
// it is not canonical.
bool read_cell(ByteView record, const Entry& entry, const Column& column, uint64_t& cell);

}  // namespace headrace
