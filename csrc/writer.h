// Writer: columns into the bytes of tf.train.Examples, and the TFRecord frame around bytes.
//
// What it writes is canonical: an entry is key then value, numbers are packed, varints are minimal,
// features come in the order of the columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "bytes.h"

namespace headrace {

// One feature over the rows of a batch. Borrows everything it points to.
struct FeatureColumn {
  // monostate: a Feature without a kind, which holds nothing.
  using Values = std::variant<std::monostate, std::span<const int64_t>, std::span<const float>,
                              std::span<const ByteView>>;

  std::string_view key;
  Values values;
  // Row i has values[row_splits[i], row_splits[i + 1]); unused for monostate.
  std::span<const int64_t> row_splits;
};

// Calls visit(values) unless the Feature has no kind.
template <class Visit>
void visit_values(const FeatureColumn& column, Visit visit) {
  std::visit(
      [&](auto values) {
        if constexpr (!std::is_same_v<decltype(values), std::monostate>) visit(values);
      },
      column.values);
}

// Measures first, so that a caller allocates once and every length is written minimal.
class ExampleEncoder {
 public:
  // The columns must outlive the encoder. Throws std::invalid_argument for row splits that do not
  // cover the values, and for an Example of 2 GiB or more, which no protobuf reader takes.
  ExampleEncoder(std::span<const FeatureColumn> columns, size_t rows);

  // Bytes of the Example of this row.
  size_t size(size_t row) const { return example_sizes_[row]; }

  // Bytes of all rows as records of a file.
  size_t framed_size() const;

  // Writes size(row) bytes; returns their end.
  uint8_t* write_example(size_t row, uint8_t* out) const;

  // Writes framed_size() bytes; returns their end.
  uint8_t* write_records(uint8_t* out) const;

 private:
  std::span<const FeatureColumn> columns_;
  size_t rows_;
  std::vector<uint64_t> payload_sizes_;  // [row][column]: packed numbers, or the bytes list
  std::vector<uint64_t> features_sizes_;
  std::vector<uint64_t> example_sizes_;
};

// A record costs this much more than its data.
inline constexpr size_t kFrameSize = 16;

// Writes length, length crc, data and data crc: data.size + kFrameSize bytes; returns their end.
// The data may already lie in its place, at out + 12.
uint8_t* write_record(ByteView data, uint8_t* out);

}  // namespace headrace
