// Cell: where the values of one feature of one record lie.
#pragma once

#include <cstddef>
#include <cstdint>

namespace headrace {

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

}  // namespace headrace
