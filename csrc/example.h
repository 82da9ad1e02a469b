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
#include "schema.h"

namespace headrace {

// Where the values of one feature of one record lie.
struct Cell {
  enum Form : uint64_t {
    kPacked = 0,   // numbers: the payload of the packed list; bytes: the one value
    kList = 1,     // the body of the list, still to be walked: unpacked numbers, many strings, none
    kMissing = 2,  // no such feature
    kSide = 3,     // not in the record: offset is an index into values parsed elsewhere
  };
  static constexpr uint64_t kLargestSize = (uint64_t{1} << 30) - 1;

  static constexpr uint64_t pack(Form form, uint64_t size, uint64_t offset) {
    return form << 62 | size << 32 | offset;
  }
  static constexpr uint64_t missing() { return pack(kMissing, 0, 0); }
  static Form form(uint64_t cell) { return static_cast<Form>(cell >> 62); }
  static size_t size(uint64_t cell) { return (cell >> 32) & kLargestSize; }
  static size_t offset(uint64_t cell) { return static_cast<uint32_t>(cell); }
};

// One thread's finder. Learns the order of the features from the records it sees.
class Locator {
 public:
  explicit Locator(std::shared_ptr<const Schema> schema);
  Locator(const Locator&) = delete;
  Locator& operator=(const Locator&) = delete;

  // Writes the cell of column c of record i to cells[c * stride + i]; offsets count from the
  // beginning of the record.
  // All cells of these records must be Cell::missing() before. Records that are not canonical are
  // appended to `refused` (as indices into `records`); their cells are unspecified. Every record
  // must have kSlop readable bytes behind it.
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

    Name* next = nullptr;  // the name that followed last time
    int32_t column = Schema::kNotWanted;
    uint8_t key_size = 0;
    uint8_t word_count = 1;
    uint8_t kind_tag = 0;
    uint16_t unpacked_tag = 0x100;  // of the one value that its list must have; else no byte
    Word words[kWords] = {{0xff0000, 0xff0000}};  // 0a <> 0a <key size> <key> 12; at first nobody's

    void set(std::string_view key);
    template <size_t kLength>
    bool matches(const uint8_t* entry) const;
  };

  bool locate_one(ByteView record, uint64_t* cells, size_t stride);
  Name* guess(const uint8_t* key, size_t size);
  Name* recall(std::string_view key);
  void choose_hash();

  std::shared_ptr<const Schema> schema_;
  std::vector<Name> names_;      // wanted ones at the index of their column, then others by hash
  std::vector<uint32_t> table_;  // hash of a key -> index of the name that may have it
  uint64_t seed_ = 0;
  unsigned shift_ = 0;
  Name* first_ = nullptr;   // the name that a record began with
  uint32_t unordered_ = 0;  // so many records to come are not expected to keep an order
};

}  // namespace headrace
