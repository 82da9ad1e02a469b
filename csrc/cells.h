// Cells: the features of a run of records, found, checked and counted, on their way to a batch.
//
// One thread's scratch, reused. For what a ragged column takes must be known before the place of
// its values is, locate() and measure() do all that needs no place; the store functions write to
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bytes.h"
#include "exact.h"
#include "example.h"
#include "outline.h"
#include "schema.h"

namespace headrace {

// A record that does not parse.
struct RowError {
  size_t record;  // index into the measured records
  ParseError error;
};

// What a range of records takes of a growing column: values (numbers or strings) and, of strings,
// bytes.
struct Amount {
  uint64_t values = 0;
  uint64_t bytes = 0;
};

class Cells {
 public:
  Cells(std::shared_ptr<const Schema> schema, ParseMode mode);

  size_t columns() const { return schema_->size(); }

  // Finds the features of all records. kSlop bytes behind each are readable, and all stay where
  // they are until the last store, as does `row_of`: for messages only, the row of a record in its
  // batch and its name.
  using RowOf = std::function<ExactParser::Row(size_t record)>;
  void locate(std::span<const ByteView> records, const RowOf& row_of);

  // Looks at what was found, column by column.
  void measure();

  // One each, in no order. Their cells hold zeros, empty strings or nothing. Storing may add some.
  std::span<const RowError> errors() const { return errors_; }

  // Records that took the slow path since the beginning.
  uint64_t slow_records() const { return slow_; }

  Amount amount(size_t column, size_t first, size_t n) const;

  // Of records that were located and measured though only their first and last `end` bytes had been
  // read: whether one value of the same column has all the others, in every record. Then the values
  // of that column come from the outline when they are stored; if not, nothing that was found means
  // anything.
  bool bring_from(Outline& outline, size_t end);

  // Where values go. An array that is `far` does not stay in a cache until somebody reads it: large
  // values are copied past the caches.
  struct Target {
    uint8_t* data;
    bool far = false;
  };

  // kFixed and kRaw numbers of records [first, first + n), to consecutive rows; of all, to any.
  void store_numbers(size_t column, size_t first, size_t n, Target out);
  void place_numbers(size_t column, std::span<uint8_t* const> rows, bool far);

  // kRagged and kSequence: ends of rows: splits[i] = base + values of records [first, first + i].
  void store_splits(size_t column, size_t first, size_t n, int64_t base, int64_t* splits) const;

  // kRagged and kSequence numbers, amount().values of them.
  void store_values(size_t column, size_t first, size_t n, uint8_t* out);

  // All strings, amount().bytes of them; offsets[k] = base + bytes of the first k + 1 strings.
  void store_strings(size_t column, size_t first, size_t n, int64_t base, int64_t* offsets,
                     Target out) const;

 private:
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr size_t kShortList = 64, kGathered = 4096;  // bytes, decoded many at a time

  // A range of side_int64s_, side_floats_ or side_strings_.
  struct Side {
    size_t begin, count;
  };
  struct Measured {
    std::vector<uint32_t> counts;   // kRagged and kSequence numbers: values a record
    std::vector<ByteView> strings;  // bytes columns: all values in order, kSlop bytes behind each
    std::vector<size_t> begins;     // ... and where each record's begin, one more at the end
  };

  uint64_t* cells(size_t column) { return cells_.data() + column * stride_; }
  const uint64_t* cells(size_t column) const { return cells_.data() + column * stride_; }
  const Column& column_at(size_t column) const { return schema_->columns()[column]; }
  const uint8_t* bytes_of(size_t record, uint64_t cell) const {
    return records_[record].data + Cell::offset(cell);
  }
  const Side& side_of(uint64_t cell) const { return sides_[Cell::offset(cell)]; }

  // Columns whose cells become the values themselves while measuring: single numbers, unless a
  // default would have to be widened first.
  static bool is_direct(const Column& column);
  // Columns whose values are what stands in packed lists.
  static bool is_copied(const Column& column);
  bool lies_between(size_t column, size_t end) const;
  void measure_single_int64s(size_t column);
  void measure_single_floats(size_t column);
  void measure_fixed_int64s(size_t column);
  void measure_growing_numbers(size_t column);
  void measure_list(size_t column, size_t record);
  void measure_strings(size_t column);
  void measure_sized(size_t column, size_t size);

  uint64_t resolve(size_t column, size_t record);
  uint64_t walk_list(const Column& column, size_t record, uint64_t cell);
  uint64_t keep_exact(size_t column);
  uint64_t add_side(size_t begin, size_t count);
  bool parse_exactly(size_t record);
  bool failed(size_t record) const;
  void fail(size_t record, const Column& column, const std::string& what);
  uint64_t single_default(const Column& column) const;
  void store_int64_lists(size_t column, size_t first, size_t n, int64_t* out);
  void store_direct(size_t column, size_t first, size_t n, uint8_t* out);
  template <class RowAt>
  void store_rows(size_t column, size_t first, size_t n, bool far, const RowAt& row_at);
  void store_row(size_t column, uint64_t cell, size_t record, uint8_t* out);
  bool copy_int64s(uint64_t cell, size_t record, int64_t* out, size_t n);
  void copy_floats(uint64_t cell, size_t record, float* out, size_t n) const;

  std::shared_ptr<const Schema> schema_;
  ParseMode mode_;
  Locator locator_;
  ExactParser exact_;

  std::span<const ByteView> records_;
  const RowOf* row_of_ = nullptr;
  Outline* outline_ = nullptr;
  size_t outlined_ = kNone;  // the column that comes from there
  size_t stride_ = 0;
  std::vector<uint64_t> cells_;  // column-major; single numbers are replaced by their values
  std::vector<Measured> measured_;
  std::vector<std::vector<uint8_t>> defaults_;  // of each column, strings; kSlop bytes behind them
  std::vector<uint32_t> refused_;
  std::vector<Side> sides_;
  std::vector<int64_t> side_int64s_;
  std::vector<float> side_floats_;
  std::vector<ByteView> side_strings_;
  std::vector<uint8_t> gathered_;     // short lists, one behind the other
  std::vector<int64_t> wide_int64s_;  // before narrowing
  std::vector<float> wide_floats_;
  std::vector<RowError> errors_;
  uint64_t slow_ = 0, slow_before_ = 0;  // the last locate()
  size_t exact_record_ = kNone;          // what exact_ holds
  bool exact_good_ = false;
};

}  // namespace headrace
