// Exact: tf.train.Example read by TensorFlow's grammar, rule by rule.
//
// The slow half of the room `example`: short and complete. It takes every record, answers with the
// values that TensorFlow gives or with the text of the error that TensorFlow raises, and stands for
// what the fast half refuses. What makes TensorFlow crash is an ordinary error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "parse_error.h"
#include "schema.h"
#include "wire.h"

namespace headrace {

// Whose rules: those of tf.io.parse_example with a vector, or of tf.io.parse_single_example.
enum class ParseMode : uint8_t { kBatch, kSingle };

// First row of the minibatch that TensorFlow puts `row` into when it parses a batch of these
// records. Only their sizes are looked at.
size_t minibatch_begin(std::span<const ByteView> records, size_t row);

// Parses one record after another, keeping its scratch. One thread at a time.
class ExactParser {
 public:
  struct Row {
    size_t index = 0;                     // in the batch
    std::string_view name = "<unknown>";  // of example_names
  };

  ExactParser(std::shared_ptr<const Schema> schema, ParseMode mode);

  // False: error() says why, and there are no cells. Otherwise cells and values stay until the
  // next call, bytes values as long as `record`.
  bool parse(ByteView record, const Row& row);

  const ParseError& error() const { return error_; }

  // Whether the record has this column's feature with a kind (an empty list is present). Absent
  // kFixed and kRaw columns have a default. kFixed and kRaw cells have the right number of values
  // (kRaw: one, of the right size), kSequence a multiple of `elements`.
  bool present(size_t column) const { return cells_[column].present; }
  size_t count(size_t column) const { return cells_[column].count; }

  // The values of a column of that kind, count() of them, not narrowed to the column's type.
  std::span<const int64_t> int64s(size_t column) const { return values_of(column, int64s_); }
  std::span<const float> floats(size_t column) const { return values_of(column, floats_); }
  std::span<const ByteView> strings(size_t column) const { return values_of(column, strings_); }

 private:
  struct Cell {
    bool present = false;
    size_t begin = 0;  // in the vector of its kind
    size_t count = 0;
  };
  struct Entry {
    ByteView key;
    ByteView feature;
  };

  template <class T>
  std::span<const T> values_of(size_t column, const std::vector<T>& values) const {
    return {values.data() + cells_[column].begin, cells_[column].count};
  }

  bool read_example(ByteView record);
  bool read_features(WireCursor& cursor);
  bool read_entry(WireCursor& cursor);
  int find(std::string_view key) const;
  bool take_feature(const Entry& entry, int column, const Row& row);
  bool read_list(ByteView list, const Column& column, Cell& cell);
  bool read_int64s(WireCursor& cursor);
  bool read_floats(WireCursor& cursor, size_t slots, size_t* count);
  bool read_strings(WireCursor& cursor, size_t slots);
  bool check_count(int column, const Row& row);
  bool check_missing(const Row& row);
  std::string prefix(const Column& column, const Row& row) const;
  std::string keys_text() const;
  bool fail(std::string text);

  std::shared_ptr<const Schema> schema_;
  ParseMode mode_;
  std::vector<int> by_key_;  // columns in order of their keys
  std::vector<Entry> entries_;
  std::vector<Cell> cells_;
  std::vector<int64_t> int64s_;
  std::vector<float> floats_;
  std::vector<ByteView> strings_;
  ParseError error_;
};

}  // namespace headrace
