// SequenceArrays: batches of tf.train.SequenceExample as arrays, read in one pass.
//
// The fast half of `sequence`, for canonical records: at most one message of the context and one of
// the lists behind it, each entry its key then its value, each Feature one list or nothing, every
// length exact, no key twice. What is not canonical, or does not fit the schema, is refused, and
// goes to the exact grammar (sequence.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "buffer.h"
#include "bytes.h"
#include "sequence.h"

namespace headrace {

// The values of one column in all examples of a batch, as SequenceColumn says, but with row splits
// where that has counts.
struct SequenceArray {
  Buffer values;     // int64s, floats or the bytes of strings,
  Buffer offsets;    // of which these (int64) say where they begin, and where the last ends
  size_t count = 0;  // of values

  std::vector<int64_t>
      value_splits;                 // kRagged: of the values of each example, in lists of each row
  std::vector<int64_t> row_splits;  // kRagged lists: of the rows of each example
  std::vector<int64_t> rows;        // kSequence: of each example
};

// Columns in order of their schemas.
struct SequenceArrays {
  size_t examples = 0;
  std::vector<SequenceArray> context, lists;
};

// False if the batch is for the exact grammar; `arrays` are unspecified then. Nothing need be
// readable behind the records. `pages`: of the values and offsets.
bool gather_sequences(std::span<const ByteView> records, const SequenceSchema& schema,
                      SequenceArrays& arrays, Pages pages = Pages::kOrdinary);

}  // namespace headrace
