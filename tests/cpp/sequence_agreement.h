// Agreement of the two halves of `sequence`: what the fast one takes, the exact one reads the same.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "sequence.h"
#include "sequence_arrays.h"

namespace headrace::testing {

template <class T>
bool holds(const Buffer& buffer, const std::vector<T>& values) {
  return values.empty() ||
         std::memcmp(buffer.data(), values.data(), values.size() * sizeof(T)) == 0;
}

inline bool same(const SequenceArray& fast, const SequenceColumn& exact) {
  if (fast.counts != exact.counts || fast.rows != exact.rows) return false;
  if (fast.count != exact.int64s.size() + exact.floats.size() + exact.strings.size()) return false;
  if (exact.strings.empty())
    return holds(fast.values, exact.int64s) && holds(fast.values, exact.floats);
  std::vector<int64_t> offsets{0};
  std::string bytes;
  for (const ByteView string : exact.strings) {
    bytes += string.text();
    offsets.push_back(static_cast<int64_t>(bytes.size()));
  }
  return holds(fast.offsets, offsets) &&
         std::memcmp(fast.values.data(), bytes.data(), bytes.size()) == 0;
}

// Where they differ about these records, empty if nowhere; whether the fast half took them.
inline std::string sequence_disagreement(std::span<const ByteView> records,
                                         const SequenceSchema& schema, bool& taken) {
  SequenceArrays fast;
  taken = gather_sequences(records, schema, fast);
  if (!taken) return "";
  SequenceBatch exact;
  ParseError error;
  if (!parse_sequences_exactly(records, {}, schema, exact, error)) {
    return "accepted, but should be: " + error.text;
  }
  for (size_t c = 0; c < schema.context.size(); ++c) {
    if (!same(fast.context[c], exact.context[c])) return "of " + schema.context.columns()[c].key;
  }
  for (size_t c = 0; c < schema.lists.size(); ++c) {
    if (!same(fast.lists[c], exact.lists[c])) return "of the list " + schema.lists.columns()[c].key;
  }
  return "";
}

}  // namespace headrace::testing
