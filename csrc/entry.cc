#include "entry.h"

namespace headrace {
uint16_t unpacked_tag(const Column& column) {
  if (column.layout != Layout::kFixed || column.elements != 1 || column.kind == Kind::kBytes)
    return 0x100;
  return column.kind == Kind::kInt64 ? 0x08 : 0x0d;
}

const uint8_t* open_features(ByteView record) {
  return open_last(record.data, record.data + record.size, kFeaturesTag);
}

const uint8_t* open_last(const uint8_t* p, const uint8_t* end, uint8_t tag) {
  size_t length;
  if (p >= end || *p != tag) return nullptr;
  p = read_length(p + 1, end, length);
  return p != nullptr && p + length == end ? p : nullptr;
}

bool read_entry(const uint8_t* p, const uint8_t* end, Entry& entry) {
  size_t size, key_size;
  if (*p != kEntryTag || (p = read_length(p + 1, end, size)) == nullptr) return false;
  entry.end = p + size;
  if (p == entry.end || *p != kKeyTag) return false;
  if ((p = read_length(p + 1, entry.end, key_size)) == nullptr) return false;
  entry.key = {reinterpret_cast<const char*>(p), key_size};
  entry.value = open_last(p + key_size, entry.end, kValueTag);
  return entry.value != nullptr;
}

uint64_t cell_of_list(ByteView record, const uint8_t* p, const uint8_t* end) {
  const uint8_t* const payload = open_last(p, end, kPackedTag);
  return payload != nullptr ? Cell::pack(Cell::kPacked, static_cast<uint64_t>(end - payload),
                                         static_cast<uint64_t>(payload - record.data))
                            : Cell::pack(Cell::kList, static_cast<uint64_t>(end - p),
                                         static_cast<uint64_t>(p - record.data));
}

bool read_cell(ByteView record, const Entry& entry, const Column& column, uint64_t& cell) {
  cell = Cell::missing();
  if (entry.value != entry.end) {
    const uint8_t* const list = open_last(entry.value, entry.end, kind_tag(column.kind));
    if (list == nullptr) return false;
    cell = cell_of_list(record, list, entry.end);
  } else if (column.layout == Layout::kRagged) {
    // No kind: an empty list. To other layouts such a feature is as good as absent.
    cell = Cell::pack(Cell::kList, 0, static_cast<uint64_t>(entry.end - record.data));
  }
  return true;
}

}  // namespace headrace
