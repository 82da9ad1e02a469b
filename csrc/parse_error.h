// ParseError: why a record was refused, in TensorFlow's words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema.h"

namespace headrace {

// Valid UTF-8 throughout: other bytes of keys, names and records are escaped.
struct ParseError {
  static constexpr size_t kNoQuote = std::string::npos;

  std::string text;         // TensorFlow's, but for the quoted record: escaped, cut after 256 bytes
  size_t quote = kNoQuote;  // where in `text` the quoted record begins
  std::string detail;       // what TensorFlow does not say: the keys of a record that lacks one

  // Which record of a batch; set where batches are parsed whole, kNoRow if no single one.
  static constexpr size_t kNoRow = std::string::npos;
  size_t row = kNoRow;

  // Set only for the batch's "Saw N values" of this kSequence column, whose N also counts the
  // preceding rows of the minibatch; `text` holds this row's own number until
  // count_preceding() adds theirs.
  int column = Schema::kNotWanted;
  void count_preceding(uint64_t values);

  uint64_t saw = 0;
  size_t saw_at = 0;
};

// TensorFlow's name for the values of a kind: "int64", "float", "bytes".
const char* values_name(Kind kind);

// "[2,3]", or "[?,2,3]" with a first dimension of "?".
std::string shape_text(const std::vector<int64_t>& shape, const char* first = "");

// "Feature: a (data type: int64) is required but could not be found."
std::string missing_text(const Column& column);

// `text` as it may stand in a message: control characters and bytes that are not UTF-8 as \xNN.
std::string escape_text(std::string_view text);

}  // namespace headrace
