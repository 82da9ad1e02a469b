// SequenceValues: the values of one column of canonical SequenceExamples, as they come in.
//
// They are put behind one another as they stand in packed lists, integers as varints; finish()
// decodes and pads them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "buffer.h"
#include "kernels/kernels.h"
#include "schema.h"
#include "sequence_arrays.h"

namespace headrace {

// Bytes that grow.
class GrowingBytes {
 public:
  // `most`: more than that is not expected.
  GrowingBytes(size_t most, Pages pages) : most_(most), pages_(pages) {}

  // Makes room for n more and kSlop behind them. `times`: so often, as it looks.
  void reserve(size_t n, size_t times);

  // Of what was reserved. kSlop bytes behind p[n - 1] must be readable.
  void append(const uint8_t* p, size_t n) {
    uint8_t* const to = memory_.data() + size_;
    std::memcpy(to, p, kSlop);
    if (n > kSlop) std::memcpy(to + kSlop, p + kSlop, n - kSlop);
    size_ += n;
  }

  size_t size() const { return size_; }
  const uint8_t* data() const { return memory_.data(); }
  Buffer take() { return std::move(memory_); }

 private:
  size_t most_;
  Pages pages_;
  Buffer memory_;
  size_t size_ = 0;
};

// Schema and array must outlive it. False means that the batch is for the exact grammar.
class SequenceValues {
 public:
  // `bytes`: of all examples. `pages`: of the array.
  SequenceValues(const Column& column, size_t examples, size_t bytes, Pages pages,
                 SequenceArray& out);

  // Of the next example: its Feature in the context, or its FeatureList, [p, end). kSlop bytes
  // behind them must be readable.
  bool add_context(const uint8_t* p, const uint8_t* end);
  bool add_list(const uint8_t* p, const uint8_t* end);

  // An example without it.
  bool lack_context();
  bool lack_list();

  size_t example() const { return ends_.size(); }  // whose value is next

  // Makes the array of all examples.
  bool finish();

 private:
  bool has_default() const { return column_.default_numbers || column_.default_strings; }
  void reserve(size_t size) { bytes_.reserve(size, examples_ - example()); }
  void add_default(const std::string& value);
  bool add_count(size_t count);
  void add_row_count(int64_t rows);
  bool end_example();
  template <Kind kKind>
  bool add_rows(const uint8_t* p, const uint8_t* end);
  bool add_feature(const uint8_t* p, const uint8_t* end, size_t& count);
  bool add_unpacked(const uint8_t* p, const uint8_t* end, size_t& count);
  template <Kind kKind>
  bool add_payload(const uint8_t* p, size_t size, size_t& count);
  bool add_payload(const uint8_t* p, size_t size, size_t& count);
  bool decode(size_t n);
  void pad_floats(size_t n);
  void place_strings(size_t n);

  const Column& column_;
  const size_t examples_;
  const bool fixed_, ragged_;
  const Pages pages_;
  const uint64_t row_head_;  // how a row begins, but for the lengths
  const Kernels& kernels_ = kernels();
  SequenceArray& out_;
  std::vector<std::string> defaults_;  // each value, and kSlop bytes
  GrowingBytes bytes_;
  std::vector<int64_t> string_ends_;  // in them
  size_t values_ = 0;
  std::vector<size_t> ends_;  // of the examples: in the bytes of integers, of others in the values
  size_t width_ = 0;          // of a padded example
};

}  // namespace headrace
