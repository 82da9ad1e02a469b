// Any bytes as a SequenceExample, for schemas of every kind and layout: no crash, sizes that fit
// together, twice the same record gives twice the same rows, and what the fast
// half takes it reads like the exact one. The first byte chooses the schema.
#include <array>

#include "outcome.h"
#include "schemas.h"
#include "sequence_agreement.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

size_t total(const std::vector<int64_t>& sizes) {
  size_t sum = 0;
  for (const int64_t size : sizes) sum += static_cast<size_t>(size);
  return sum;
}

std::string check(const Column& column, const SequenceColumn& values, size_t records, bool list) {
  const size_t n = values.int64s.size() + values.floats.size() + values.strings.size();
  size_t bytes = 0;
  for (const ByteView& string : values.strings) {
    for (size_t i = 0; i < string.size; ++i) bytes += string.data[i];  // readable
  }
  (void)bytes;
  if (column.layout == Layout::kFixed) {
    return n == records * column.elements ? "" : "fixed: " + std::to_string(n);
  }
  if (column.layout == Layout::kRagged) {
    if (!list && values.counts.size() != records) return "counts of the examples";
    if (list && values.rows.size() != records) return "rows of the examples";
    if (list && values.counts.size() != total(values.rows)) return "counts of the rows";
    return n == total(values.counts) ? "" : "ragged: " + std::to_string(n);
  }
  if (values.rows.size() != records) return "rows of the examples";
  int64_t longest = 0;
  for (const int64_t rows : values.rows) longest = std::max(longest, rows);
  return n == records * static_cast<size_t>(longest) * column.elements
             ? ""
             : "sequence: " + std::to_string(n);
}

template <class T>
bool twice(const std::vector<T>& once, const std::vector<T>& both) {
  if (both.size() != 2 * once.size()) return false;
  for (size_t i = 0; i < both.size(); ++i) {
    if constexpr (std::is_same_v<T, ByteView>) {
      if (both[i].text() != once[i % once.size()].text()) return false;
    } else {
      if (std::memcmp(&both[i], &once[i % once.size()], sizeof(T)) != 0) return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kSchemas = sequence_schemas();
  if (size == 0) return 0;
  const SequenceSchema& schema = kSchemas[data[0] % kSchemas.size()];
  const Schema &context = *schema.context, &lists = *schema.lists;
  const Record record(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  for (size_t n = 1; n <= 3; ++n) {
    bool taken;
    expect_agreement(sequence_disagreement(std::vector<ByteView>(n, record.view()), schema, taken));
  }
  std::array<SequenceBatch, 2> batches;  // of the record, and of two such records
  std::array<bool, 2> good;
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<ByteView> records(i + 1, record.view());
    ParseError error;
    good[i] = parse_sequences_exactly(records, {}, schema, batches[i], error);
    if (!good[i]) {
      expect_agreement(error.text.empty() ? "an error without a text" : "");
      continue;
    }
    for (size_t c = 0; c < context.size(); ++c) {
      expect_agreement(check(context.columns()[c], batches[i].context[c], records.size(), false));
    }
    for (size_t c = 0; c < lists.size(); ++c) {
      expect_agreement(check(lists.columns()[c], batches[i].lists[c], records.size(), true));
    }
  }
  expect_agreement(good[0] == good[1] ? "" : "a record and two of it fare differently");
  if (!good[0]) return 0;
  for (const auto part : {&SequenceBatch::context, &SequenceBatch::lists}) {
    for (size_t c = 0; c < (batches[0].*part).size(); ++c) {
      const SequenceColumn &one = (batches[0].*part)[c], &two = (batches[1].*part)[c];
      const bool same = twice(one.int64s, two.int64s) && twice(one.floats, two.floats) &&
                        twice(one.strings, two.strings) && twice(one.counts, two.counts) &&
                        twice(one.rows, two.rows);
      expect_agreement(same ? "" : "twice the record are not twice its values");
    }
  }
  return 0;
}
