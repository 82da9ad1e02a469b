// Example, fast: finds the wanted features of canonical records without looking at their values.
//
// Canonical is what real writers produce: one Features message, each entry its key then its value,
// each Feature one list or nothing, every length exact, packed or unpacked numbers, no duplicate
// keys. Every byte relied on is compared. What is not canonical is refused, and goes to
// the exact grammar (exact.h). The order of the features may differ in every record.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "cell.h"
#include "entry_order.h"
#include "schema.h"

namespace headrace {

// One thread's finder. Learns the order of the features from the records it sees.
class Locator {
 public:
  explicit Locator(std::shared_ptr<const Schema> schema);
  Locator(const Locator&) = delete;
  Locator& operator=(const Locator&) = delete;

  // Writes the cell of column c of record i to cells[c * stride + i]; offsets count from the
  // beginning of the record. Records that are not canonical are appended to `refused` (as indices
  // into `records`); their cells are unspecified. Every record must have kSlop readable bytes
  // behind it.
  void locate(std::span<const ByteView> records, uint64_t* cells, size_t stride,
              std::vector<uint32_t>& refused);

 private:
  // A name as it stands in an entry, ready to be compared word by word.
  struct alignas(64) Name {
    static constexpr size_t kWords = 7;
    static constexpr size_t kLongestKey = 8 * kWords - 5;
    struct Word {
      uint64_t bytes = 0;
      uint64_t mask = 0;  // ff where bytes count
    };

    int32_t column = Schema::kNotWanted;
    uint8_t key_size = 0;
    uint8_t word_count = 1;
    uint8_t kind_tag = 0;
    uint16_t unpacked_tag = 0x100;  // of the one value that its list must have; else no byte
    // 0a <> 0a <key size> <key> 12. At first nobody's: ff does not end a length.
    Word words[kWords] = {{0xff00, 0xff00}};

    void set(std::string_view key);
    template <size_t kLength>
    bool matches(const uint8_t* entry) const;
  };

  bool locate_one(ByteView record, uint64_t* cells, size_t stride);
  Name* guess(const uint8_t* key, size_t size);
  Name* recall(std::string_view key);
  void choose_hash();
  void hit(size_t records);
  void miss(ByteView record, bool canonical);

  std::shared_ptr<const Schema> schema_;
  std::vector<Name> names_;      // wanted ones at the index of their column, then others by hash
  std::vector<uint32_t> table_;  // hash of a key -> index of the name that may have it
  uint64_t seed_ = 0;
  unsigned shift_ = 0;
  EntryOrder order_;
  uint32_t trouble_ = 0;  // how little the records keep to it
  bool missed_ = false;   // the last one did not
  uint32_t rest_ = 0;     // so many records to come are not expected to
  uint32_t rests_ = 0;    // of late
};

}  // namespace headrace
