// Lot: the records of several batches of a shuffle of everything, had together.
//
// Of so many records, neighbours in the files lie near each other: a file is read in few large
// pieces instead of one record at a time. Any number of threads share two rounds of work: first the
// records' numbers are computed, a slice of rows at a time; when all are there, the records are
// read, a stretch of the files at a time. Then each has its place in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "fetcher.h"
#include "selection.h"

namespace headrace {

class Lot {
 public:
  static constexpr size_t kMostRows = size_t{1} << 20;

  // Of one thread. Reused.
  struct Scratch {
    std::vector<uint64_t> ordinals, keys, sorted;
    Fetched fetched;
  };

  // Numbers [first, first + n) of the order become the next rows.
  void add(const std::shared_ptr<const Selection::Order>& order, uint64_t first, uint64_t n);
  void clear();
  size_t rows() const { return rows_; }
  EvenPlace operator[](size_t row) const;
  // Appends which records rows [first, first + n) are.
  void list(size_t first, size_t n, std::vector<EvenPlace>& places) const;

  // With all rows known: how the work is divided, and room for their bytes. At most kMostRows;
  // failures are kept one for each `batch_size` rows.
  void divide(const Index& index, uint64_t bytes, size_t batch_size);

  size_t slices() const { return slices_.size(); }
  void number(size_t slice, Scratch& scratch);

  size_t stretches() const { return stretches_; }
  void read(size_t stretch, Fetcher& fetcher, Scratch& scratch);

  // Afterwards, until clear(). Those of rows that failed mean nothing.
  std::span<const ByteView> records(size_t first, size_t n) const {
    return std::span<const ByteView>(records_).subspan(first, n);
  }

  struct Failure {
    size_t row;
    Error error;
  };
  // The first of this batch; null if all its rows could be had.
  const Failure* failure(size_t batch) const;

 private:
  static constexpr size_t kSlice = size_t{1} << 15;
  static constexpr unsigned kRowBits = 20;

  struct Run {
    std::shared_ptr<const Selection::Order> order;
    uint64_t first, n;
    size_t row;
  };
  // Rows by stretch. A key: the record's number within its stretch, then its row.
  struct Slice {
    std::vector<uint64_t> keys;
    std::vector<uint32_t> begins;  // of each stretch's, one more at the end
  };

  template <class Visit>
  void visit(size_t first, size_t n, Visit visit) const;
  void keep(Scratch& scratch);
  uint8_t* reserve(size_t size);
  void fail(size_t row, const Error& error);

  std::vector<Run> runs_;
  size_t rows_ = 0;
  size_t stretches_ = 0;
  unsigned stretch_bits_ = 0;  // of the numbers within a stretch
  size_t batch_size_ = 1;
  std::vector<Slice> slices_;
  Buffer memory_;  // in one piece, for the page tables' sake
  std::atomic<size_t> used_{0};
  std::vector<ByteView> records_;
  std::mutex mutex_;  // guards what follows, while the lot is being read
  std::vector<Buffer> more_memory_;
  std::map<size_t, Failure> failures_;
};

}  // namespace headrace
