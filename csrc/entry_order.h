// EntryOrder: the order in which an earlier record had its features, expected of the next.
//
// Most files have the same features in the same order in every record, and lengths below 128 where
// there are many of them. Then an entry is one comparison with what stood there last time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bytes.h"
#include "entry.h"
#include "kernels/kernels.h"
#include "schema.h"

namespace headrace {

// Of one thread.
class EntryOrder {
 public:
  explicit EntryOrder(std::shared_ptr<const Schema> schema);

  // Puts the entries of a canonical record without duplicate keys where it has them. False, and
  // nothing is changed, if that contradicts the order, or makes it very long.
  bool add(ByteView record);
  void clear();

  // Writes the cells of records, as Locator::locate() says, up to the first that is not canonical,
  // whose entries are not among those known and in their order, or that lacks very many of them.
  // Returns its index, the number of records if there is none; its cells are unspecified.
  size_t follow(std::span<const ByteView> records, uint64_t* cells, size_t stride) const;

 private:
  static constexpr size_t kMost = 1024;  // entries

  struct Expected {
    std::string key;
    int column;
    bool brief;      // its form is known
    uint32_t forms;  // of how many from here on it is, one behind the other
  };

  bool form_of(const uint8_t* p, const Entry& entry, int column, EntryForm& form) const;
  void count();
  bool follow(ByteView record, uint64_t* cells, size_t stride) const;
  bool take(const Expected& expected, ByteView record, const uint8_t*& p, uint64_t& cell) const;

  std::shared_ptr<const Schema> schema_;
  const Kernels& kernels_;
  std::vector<Expected> entries_;  // of different keys
  std::vector<EntryForm> forms_;   // of each, if it is brief
  std::vector<uint32_t> absent_;   // columns
};

}  // namespace headrace
