// Schema: which features are wanted, and what each becomes in a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

// What a Feature holds. The values are the field numbers of Feature.kind.
enum class Kind : uint8_t { kBytes = 1, kFloat = 2, kInt64 = 3 };

// How the values of a row lie in the batch.
enum class Layout : uint8_t {
  kFixed,     // exactly `elements` values a row: (B, *shape)
  kSequence,  // a multiple of `elements` values a row, padded to the longest: (B, M, *shape)
  kRagged,    // any number of values a row: values and row splits
  kRaw,       // one bytes value of exactly `elements` numbers a row: (B, *shape)
};

// Type of an element in the batch. For kFloat and kInt64 features the canonical ones are
// kFloat32 and kInt64; the others narrow (kFixed) or reinterpret (kRaw).
enum class Type : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kBytes,
};

// Bytes of an element; 1 for kBytes.
constexpr size_t size_of(Type type) {
  constexpr uint8_t kSizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 1};
  return kSizes[static_cast<size_t>(type)];
}
const char* name_of(Type type);  // NumPy's name: "int64", "float32", "bytes"
const char* name_of(Kind kind);  // TensorFlow's name in its messages: "int64", "float", "string"

struct Column {
  std::string key;  // raw bytes, compared exactly
  Kind kind = Kind::kInt64;
  Layout layout = Layout::kFixed;
  Type type = Type::kInt64;
  std::vector<int64_t> shape;  // without the batch dimension
  uint64_t elements = 1;       // product of shape
  bool big_endian = false;     // kRaw only
  Type splits = Type::kInt64;  // kRagged only: of the row splits; kInt32: where they fit
  bool sparse = false;         // kRagged only: its user sees the places of values, not rows

  // kFixed and kRaw: what a missing feature becomes; absent: it is an error. kSequence: the
  // padding. Numbers are `elements` (kSequence: one) values of `type`, bytes features use strings.
  std::optional<std::vector<uint8_t>> default_numbers;
  std::optional<std::vector<std::string>> default_strings;
};

// Immutable after construction; shared by all threads.
class Schema {
 public:
  static constexpr int kNotWanted = -1;

  // Keys are unique. Throws std::invalid_argument otherwise.
  explicit Schema(std::vector<Column> columns);

  const std::vector<Column>& columns() const { return columns_; }
  size_t size() const { return columns_.size(); }

  // Index of the column of this key, kNotWanted if nobody asked for it. `key` must have kSlop
  // readable bytes behind it.
  int find(std::string_view key) const;

 private:
  struct Entry {
    uint64_t head = 0, tail = 0;  // first and last 8 bytes of the key
    uint32_t size = 0;
    int32_t column = kNotWanted;
  };
  std::vector<Column> columns_;
  std::vector<Entry> table_;   // by hash, no probing
  std::vector<int32_t> next_;  // columns whose keys share size and both ends
  uint64_t seed_ = 0;
  unsigned shift_ = 0;
};

}  // namespace headrace
