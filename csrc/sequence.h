// Sequence: batches of tf.train.SequenceExample, read by TensorFlow's grammar.
//
// Not the grammar of exact.h: TensorFlow reads these with another parser of its own, which is
// strict about entries, counts all values of a batch before it reads any, and takes one column
// after the other. This is the slow half of the room, which stands for what the fast half
// (sequence_arrays.h) refuses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "parse_error.h"
#include "schema.h"

namespace headrace {

// The values of one column in all examples of a batch.
struct SequenceColumn {
  // One of these, by kind, in order of examples and rows. Fixed columns have `elements` values an
  // example; sequences (examples, longest, elements), rows that an example lacks being 0 or empty.
  std::vector<int64_t> int64s;
  std::vector<float> floats;
  std::vector<ByteView> strings;

  std::vector<int64_t> counts;  // kRagged: values of each example, in lists of each row
  std::vector<int64_t> rows;    // lists: rows of each example; `longest` is their maximum
};

// Columns in order of their schemas.
struct SequenceBatch {
  std::vector<SequenceColumn> context;
  std::vector<SequenceColumn> lists;
};

// Which features are wanted. Columns are checked in this order; TensorFlow's is that of their keys.
struct SequenceSchema {
  std::shared_ptr<const Schema> context;  // kFixed, kRagged
  std::shared_ptr<const Schema> lists;    // kRagged; kSequence: there, unless it has a default
};

// Parses records together; `names` are those of the examples or empty. False: `error` says why and
// `batch` is unspecified. Bytes values live as long as records and schema. The same for a single
// example.
bool parse_sequences_exactly(std::span<const ByteView> records,
                             std::span<const std::string_view> names, const SequenceSchema& schema,
                             SequenceBatch& batch, ParseError& error);

}  // namespace headrace
