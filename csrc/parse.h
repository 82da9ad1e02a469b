// Parse: serialized Examples and SequenceExamples from anywhere into one batch.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "batch.h"
#include "cells.h"
#include "sequence_arrays.h"

namespace headrace {

// The first row that does not parse, with TensorFlow's text.
struct ParseFailure {
  size_t row;
  ParseError error;
};

// Parses records[i] into row i of a batch of as many rows. `names` (example_names, for messages) is
// empty or has one for each record. Nothing need be readable behind the records: they are copied to
// memory of our own first. kSequence columns are padded in mode kBatch only.
// Returns null and sets `failure` if a record does not parse.
std::unique_ptr<Batch> parse(std::span<const ByteView> records, std::span<const std::string> names,
                             const std::shared_ptr<const Schema>& schema, ParseMode mode,
                             std::optional<ParseFailure>& failure);

// The same with SequenceExamples, as parse_sequences_exactly() says.
bool parse_sequences(std::span<const ByteView> records, std::span<const std::string_view> names,
                     const SequenceSchema& schema, SequenceArrays& arrays, ParseError& error);

}  // namespace headrace
