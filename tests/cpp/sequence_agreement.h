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

inline bool splits(const std::vector<int64_t>& splits, const std::vector<int64_t>& counts) {
  if (splits.size() != counts.size() + 1 || splits[0] != 0) return false;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (splits[i + 1] - splits[i] != counts[i]) return false;
  }
  return true;
}

inline bool same(const SequenceArray& fast, const SequenceColumn& exact, const Column& column) {
  const bool counted = column.layout == Layout::kRagged
                           ? splits(fast.value_splits, exact.counts) &&
                                 splits(fast.row_splits, exact.rows) && fast.rows.empty()
                           : fast.rows == exact.rows && exact.counts.empty();
  if (!counted) return false;
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
  for (size_t c = 0; c < schema.context->size(); ++c) {
    const Column& column = schema.context->columns()[c];
    if (!same(fast.context[c], exact.context[c], column)) return "of " + column.key;
  }
  for (size_t c = 0; c < schema.lists->size(); ++c) {
    const Column& column = schema.lists->columns()[c];
    if (!same(fast.lists[c], exact.lists[c], column)) return "of the list " + column.key;
  }
  return "";
}

}  // namespace headrace::testing
