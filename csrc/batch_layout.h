// BatchLayout: where the arrays of a batch lie.
//
// A column is up to three arrays. Fixed numbers: cells. Growing numbers: row splits and values.
// Strings: (row splits and) offsets and bytes. The size of `fixed` arrays is known beforehand;
// `values` and `bytes` grow as blocks of records commit what they hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "buffer.h"
#include "schema.h"
#include "sequence.h"

namespace headrace {

// Where the fixed arrays of a batch of at most `rows` rows lie. Shared by all batches of a loader.
class BatchLayout {
 public:
  struct Place {
    size_t arena = 0;
    size_t offset = 0;
    size_t size = 0;
  };

  // `pad`: kSequence rows get the length of the longest; otherwise they stay like kRagged ones.
  // `sequences`: what whole records, as SequenceExamples, become when a batch is full; then those
  // arrays have these pages, and the records ordinary ones.
  BatchLayout(std::vector<Column> columns, size_t rows, bool pad, Pages pages = Pages::kOrdinary,
              std::optional<SequenceSchema> sequences = std::nullopt);

  const std::vector<Column>& columns() const { return columns_; }
  size_t rows() const { return rows_; }
  // Of the buffers, if they can be had.
  Pages pages() const { return sequences_ ? Pages::kOrdinary : pages_; }
  Pages sequences_pages() const { return pages_; }
  const Place& place(size_t column) const { return places_[column]; }
  const std::vector<size_t>& arenas() const { return arenas_; }  // their sizes
  bool grows() const { return grows_; }                          // any column does
  // An array of this size does not stay in a core's cache.
  static bool is_far(size_t size) { return size >= size_t{1} << 20; }
  bool pads() const { return pad_; }
  bool pads(size_t column) const { return pad_ && columns_[column].layout == Layout::kSequence; }

  static bool grows(const Column& column);
  static bool has_splits(const Column& column);

  // What the fullest batch so far took: the next one starts with room for it. Bytes.
  struct Hint {
    std::atomic<size_t> values{0};
    std::atomic<size_t> bytes{0};
  };
  Hint& hint(size_t column) const { return hints_[column]; }
  size_t expected_memory() const;  // bytes of a batch

  const std::optional<SequenceSchema>& sequences() const { return sequences_; }
  std::atomic<size_t>& sequences_hint() const { return sequences_hint_; }  // bytes of their arrays

 private:
  std::vector<Column> columns_;
  size_t rows_;
  bool pad_;
  Pages pages_;
  std::vector<Place> places_;
  std::vector<size_t> arenas_;
  bool grows_ = false;
  mutable std::vector<Hint> hints_;
  std::optional<SequenceSchema> sequences_;
  mutable std::atomic<size_t> sequences_hint_{0};
};

}  // namespace headrace
