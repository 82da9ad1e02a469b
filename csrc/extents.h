// Extents: where the records of one file stand, in few bytes a record.
//
// Groups of 64 consecutive records: the offset of the first, the least size of data, and for each
// record what it has more than that, in 0, 1, 2, 4 or 8 bytes. A record's offset is the sum of what
// stands before it in its group. Records that do not follow each other directly, for what is
// between them was skipped, begin another group. A file of records of one size is a single group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headrace {

struct Extent {
  uint64_t offset;  // of the record's header in the file
  uint64_t size;    // of its data
};

class Extents {
 public:
  static constexpr unsigned kGroupBits = 6;

  struct Group {
    uint64_t offset;
    uint64_t least;
    uint64_t numbers;  // where they begin in `more`, times 256; plus the width of each

    uint64_t begin() const { return numbers >> 8; }
    uint64_t width() const { return numbers & 0xff; }
  };

  // As it is kept and stored.
  struct Parts {
    uint64_t count = 0;
    uint64_t bits = kGroupBits;  // 64: all records are in one group
    std::vector<Group> groups;
    std::vector<uint64_t> firsts;  // of each group; empty if all but the last are full
    std::vector<uint8_t> more;
  };

  Extents() = default;
  // Throws std::invalid_argument if the parts do not fit together: then a look-up would read
  // memory that is not theirs.
  explicit Extents(Parts parts);

  uint64_t count() const { return parts_.count; }
  Extent operator[](uint64_t i) const;  // i < count()
  size_t memory() const;
  const Parts& parts() const { return parts_; }

 private:
  Parts parts_;
};

// Takes the records of a file one after another.
class ExtentsBuilder {
 public:
  void add(const Extent& extent);
  uint64_t count() const { return parts_.count + open_; }
  Extents finish() &&;

 private:
  void close_group();

  Extents::Parts parts_;
  uint64_t begin_ = 0, end_ = 0;  // of the open group's bytes
  unsigned open_ = 0;             // records in it
  uint64_t sizes_[1u << Extents::kGroupBits];
};

// The index of the last number that is at most `value`; the first is. Branchless: what is asked for
// comes in no order that a CPU could predict.
size_t last_not_above(const std::vector<uint64_t>& rising, uint64_t value);

}  // namespace headrace
