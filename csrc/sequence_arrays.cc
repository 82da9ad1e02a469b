#include "sequence_arrays.h"

#include <algorithm>
#include <cstring>

#include "entry.h"
#include "sequence_values.h"

namespace headrace {
namespace {

constexpr uint8_t kContextTag = 0x0a, kListsTag = 0x12;

// One of the two maps.
class Map {
 public:
  using Add = bool (SequenceValues::*)(const uint8_t*, const uint8_t*);
  using Lack = bool (SequenceValues::*)();

  Map(const Schema& schema, std::span<const ByteView> records, Pages pages,
      std::vector<SequenceArray>& out)
      : schema_(schema) {
    size_t bytes = 0;
    for (const ByteView& record : records) bytes += record.size;
    out.resize(schema.size());
    columns_.reserve(schema.size());
    for (size_t i = 0; i < schema.size(); ++i) {
      columns_.emplace_back(schema.columns()[i], records.size(), bytes, pages, out[i]);
    }
  }

  // The entries [p, end) of an example.
  bool read(const uint8_t* p, const uint8_t* end, size_t example, Add add) {
    Entry entry;
    for (; p != end; p = entry.end) {
      if (!read_entry(p, end, entry)) return false;
      const int column = schema_.find(entry.key);
      if (column == Schema::kNotWanted) continue;
      SequenceValues& values = columns_[static_cast<size_t>(column)];
      const bool twice = values.example() != example;
      if (twice || !(values.*add)(entry.value, entry.end)) return false;
    }
    return true;
  }

  bool complete(size_t example, Lack lack) {
    for (SequenceValues& values : columns_) {
      if (values.example() == example && !(values.*lack)()) return false;
    }
    return true;
  }

  bool finish() {
    return std::all_of(columns_.begin(), columns_.end(),
                       [](SequenceValues& v) { return v.finish(); });
  }

 private:
  const Schema& schema_;
  std::vector<SequenceValues> columns_;
};

// Each with kSlop readable bytes behind it: the next record is behind it, or it is copied.
class Readable {
 public:
  explicit Readable(std::span<const ByteView> records) : records_(records) {}

  ByteView operator()(size_t i) {
    const ByteView record = records_[i];
    const bool followed = i + 1 < records_.size() &&
                          records_[i + 1].data == record.data + record.size &&
                          records_[i + 1].size >= kSlop;
    if (followed) return record;
    if (copy_.capacity() < record.size + kSlop) copy_ = Buffer(record.size + kSlop);
    if (record.size != 0) std::memcpy(copy_.data(), record.data, record.size);
    std::memset(copy_.data() + record.size, 0, kSlop);
    return {copy_.data(), record.size};
  }

 private:
  std::span<const ByteView> records_;
  Buffer copy_;
};

}  // namespace

bool gather_sequences(std::span<const ByteView> records, const SequenceSchema& schema,
                      SequenceArrays& arrays, Pages pages) {
  if (records.empty()) return false;
  arrays.examples = records.size();
  Map context(*schema.context, records, pages, arrays.context);
  Map lists(*schema.lists, records, pages, arrays.lists);
  Readable readable(records);
  for (size_t i = 0; i < records.size(); ++i) {
    const ByteView record = readable(i);
    const uint8_t *p = record.data, *const end = p + record.size;
    size_t size;
    if (p != end && *p == kContextTag) {
      if ((p = read_length(p + 1, end, size)) == nullptr) return false;
      if (!context.read(p, p + size, i, &SequenceValues::add_context)) return false;
      p += size;
    }
    if (p != end && *p == kListsTag) {
      if ((p = read_length(p + 1, end, size)) == nullptr) return false;
      if (!lists.read(p, p + size, i, &SequenceValues::add_list)) return false;
      p += size;
    }
    if (p != end) return false;
    if (!context.complete(i, &SequenceValues::lack_context)) return false;
    if (!lists.complete(i, &SequenceValues::lack_list)) return false;
  }
  return context.finish() && lists.finish();
}

}  // namespace headrace
