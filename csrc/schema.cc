#include "schema.h"

#include <bit>
#include <stdexcept>

#include "bytes.h"
#include "error.h"

namespace headrace {
namespace {

// In the order of enum Type.
constexpr const char* kTypeNames[] = {
    "bool",   "int8",    "int16",    "int32",   "int64",   "uint8",     "uint16",     "uint32",
    "uint64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bytes",
};

struct KeyEnds {
  uint64_t head, tail;
};

KeyEnds ends_of(std::string_view key) {
  const uint8_t* p = reinterpret_cast<const uint8_t*>(key.data());
  if (key.size() >= 8) return {load64(p), load64(p + key.size() - 8)};
  const uint64_t mask = (uint64_t{1} << (8 * key.size())) - 1;
  return {load64(p) & mask, 0};
}

uint64_t hash_of(const KeyEnds& ends, size_t size, uint64_t seed) {
  const uint64_t mixed =
      (ends.head ^ std::rotl(ends.tail, 23) ^ (size * 0x9e3779b97f4a7c15)) * seed;
  return mixed ^ (mixed >> 29) * 0xbf58476d1ce4e5b9;
}

}  // namespace

const char* name_of(Type type) { return kTypeNames[static_cast<size_t>(type)]; }

const char* name_of(Kind kind) {
  return kind == Kind::kInt64 ? "int64" : kind == Kind::kFloat ? "float" : "string";
}

Schema::Schema(std::vector<Column> columns) : columns_(std::move(columns)) {
  // A hash without probing: seeds are tried, and the table doubled, until no two keys share a
  // slot. Keys that only differ in their middle share both ends and the size: they are chained
  // through `next`.
  std::vector<std::string> padded;
  for (const Column& column : columns_) padded.push_back(column.key + std::string(kSlop, '\0'));
  const auto ends = [&](size_t i) {
    return ends_of(std::string_view(padded[i]).substr(0, columns_[i].key.size()));
  };
  uint64_t seed = 0x9e3779b97f4a7c15;
  for (unsigned bits = std::bit_width(columns_.size() * 2) + 1;; ++bits) {
    for (int attempt = 0; attempt < 64; ++attempt) {
      seed = seed * 0xd1342543de82ef95 + 0x2545f4914f6cdd1d;
      seed_ = seed | 1;
      shift_ = 64 - bits;
      table_.assign(size_t{1} << bits, Entry{});
      bool collision = false;
      for (size_t i = 0; i < columns_.size() && !collision; ++i) {
        const KeyEnds e = ends(i);
        const auto size = static_cast<uint32_t>(columns_[i].key.size());
        Entry& entry = table_[hash_of(e, size, seed_) >> shift_];
        int32_t next = kNotWanted;
        if (entry.column != kNotWanted) {
          collision = entry.head != e.head || entry.tail != e.tail || entry.size != size;
          for (int32_t c = entry.column; c != kNotWanted; c = next_[static_cast<size_t>(c)]) {
            if (columns_[static_cast<size_t>(c)].key == columns_[i].key) {
              throw std::invalid_argument("duplicate key in schema: " +
                                          escape_bytes(columns_[i].key));
            }
          }
          next = entry.column;
        }
        if (next_.size() < columns_.size()) next_.assign(columns_.size(), kNotWanted);
        next_[i] = next;
        entry = {e.head, e.tail, size, static_cast<int32_t>(i)};
      }
      if (!collision) return;
    }
  }
}

int Schema::find(std::string_view key) const {
  const KeyEnds ends = ends_of(key);
  const Entry& entry = table_[hash_of(ends, key.size(), seed_) >> shift_];
  if (entry.size != key.size() || entry.head != ends.head || entry.tail != ends.tail) {
    return kNotWanted;
  }
  int column = entry.column;
  while (column != kNotWanted && columns_[static_cast<size_t>(column)].key != key) {
    column = next_[static_cast<size_t>(column)];
  }
  return column;
}

}  // namespace headrace
