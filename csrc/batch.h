// Batch: contiguous columns, filled in place by many threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "batch_layout.h"
#include "buffer.h"
#include "cells.h"
#include "error.h"
#include "growing_array.h"
#include "sequence_arrays.h"

namespace headrace {

class Batch {
 public:
  explicit Batch(std::shared_ptr<const BatchLayout> layout);

  // Makes it an empty one with memory of its own, whatever it has been before.
  void open();

  const BatchLayout& layout() const { return *layout_; }
  size_t rows() const { return rows_; }
  uint64_t number() const { return number_; }  // its place in the stream of batches
  void set_number(uint64_t number) { number_ = number; }

  // --- while it is being filled ---

  // Places for the growing values of `amount`, one a column that grows; in order of the rows, one
  // thread at a time.
  struct Places {
    GrowingArray::Room values{};
    GrowingArray::Room bytes{};
  };
  Places reserve(size_t column, const Amount& amount, size_t records);

  // Writes records [first, first + n) of `cells` to rows [row, row + n), all their columns (the
  // layout may have more behind them). `places` as
  // reserve() gave them, one a column (unused where the column does not grow). Any thread.
  void store(Cells& cells, size_t first, size_t n, size_t row, std::span<const Places> places);

  // Whole records instead of features; the layout has one column of strings. `outline`: where they
  // come from if they are not in memory, and there the number of the first.
  void store_records(std::span<const ByteView> records, size_t row, const Places& places,
                     Outline* outline = nullptr, size_t first = 0);

  // The row cannot be had. The error of the first such row is kept. Any thread.
  void fail(size_t row, const Error& error);

  // Every block that writes here holds the batch open, and so does who assigns rows. True for the
  // call that ends the writing: that caller must call finish().
  void hold() { writers_.fetch_add(1, std::memory_order_relaxed); }
  bool release() { return writers_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  void set_rows(size_t rows) { rows_ = rows; }  // final count, before the assigner's release

  // Joins the growing arrays, pads sequences, narrows row splits, parses SequenceExamples.
  void finish();

  // --- afterwards, by one thread ---

  struct Failure {
    size_t row;
    Error error;
  };
  const std::optional<Failure>& failure() const { return failure_; }

  // What the records are as SequenceExamples; they are gone then. Null if nobody wanted that, or if
  // they are for the exact grammar.
  SequenceArrays* sequences() { return sequences_ ? &*sequences_ : nullptr; }

  // Keeps the rows before the failure, or fewer.
  void truncate(size_t rows);

  Buffer& arena(size_t index) { return arenas_[index]; }  // may be moved away
  uint8_t* fixed(size_t column) const;                    // cells, offsets or splits; in an arena
  uint8_t* fixed_row(size_t column, size_t row) const;    // cells
  GrowingArray& values(size_t column) { return values_[column]; }  // numbers, offsets of strings
  GrowingArray& bytes(size_t column) { return bytes_[column]; }
  size_t longest(size_t column) const { return longest_[column]; }  // kSequence: M
  Type splits_type(size_t column) const { return splits_types_[column]; }
  size_t split(size_t column, size_t row) const;

 private:
  int64_t* ends(size_t column) { return reinterpret_cast<int64_t*>(fixed(column)); }
  void narrow_splits(size_t column);
  void pad(size_t column);
  void pad_numbers(size_t column, size_t longest);
  void pad_strings(size_t column, size_t longest);
  void gather();

  std::shared_ptr<const BatchLayout> layout_;
  uint64_t number_ = 0;
  size_t rows_ = 0;
  std::vector<Buffer> arenas_;
  std::vector<uint8_t*> begins_;  // of the arenas
  std::vector<GrowingArray> values_;
  std::vector<GrowingArray> bytes_;
  std::vector<size_t> longest_;
  std::vector<Type> splits_types_;
  std::atomic<uint32_t> writers_{1};
  std::mutex failure_mutex_;
  std::optional<Failure> failure_;
  std::optional<SequenceArrays> sequences_;
};

}  // namespace headrace
