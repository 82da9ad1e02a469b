// Examples written by hand, and columns to ask for: what the tests of the parsers share.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "schema.h"

namespace headrace::testing {

// A copy of exactly the record's size, so that a sanitizer sees what is read behind it.
class Record {
 public:
  explicit Record(const std::string& bytes)
      : bytes_(reinterpret_cast<const uint8_t*>(bytes.data()),
               reinterpret_cast<const uint8_t*>(bytes.data()) + bytes.size()) {
    bytes_.shrink_to_fit();
  }
  ByteView view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<uint8_t> bytes_;
};

inline std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

inline std::string delimited(int field, const std::string& bytes) {
  std::string text(1, static_cast<char>(field << 3 | 2));
  size_t n = bytes.size();
  for (; n >= 0x80; n >>= 7) text += static_cast<char>(n | 0x80);
  return text + static_cast<char>(n) + bytes;
}

inline std::string int64_feature(const std::vector<uint8_t>& values) {  // below 128
  return delimited(3, delimited(1, std::string(values.begin(), values.end())));
}
inline std::string float_feature(const std::vector<float>& values) {
  std::string bits(values.size() * 4, '\0');
  if (!values.empty()) std::memcpy(bits.data(), values.data(), bits.size());
  return delimited(2, delimited(1, bits));
}
inline std::string bytes_feature(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += delimited(1, value);
  return delimited(1, list);
}
inline std::string entry(const std::string& key, const std::string& feature) {
  return delimited(1, delimited(1, key) + delimited(2, feature));
}
inline std::string example(const std::string& entries) { return delimited(1, entries); }

// Copies of a record with the byte there turned into what may be taken for something else: tags,
// the shortest and longest lengths of a byte and of more, and what differs by a bit or by one.
inline std::vector<std::string> turned(const std::string& record, size_t at) {
  std::vector<std::string> all;
  const auto byte = static_cast<uint8_t>(record[at]);
  for (const int other : {0, 1, 2, 0x08, 0x0a, 0x0d, 0x12, 0x1a, 0x22, 0x7f, 0x80, 0xff, byte + 1,
                          byte - 1, byte ^ 2, byte ^ 0x10, byte ^ 0x80}) {
    all.push_back(record);
    all.back()[at] = static_cast<char>(other);
  }
  return all;
}

inline Column column(const std::string& key, Kind kind, Layout layout,
                     std::vector<int64_t> shape = {}) {
  Column column;
  column.key = key;
  column.kind = kind;
  column.layout = layout;
  column.type = kind == Kind::kInt64   ? Type::kInt64
                : kind == Kind::kFloat ? Type::kFloat32
                                       : Type::kBytes;
  column.shape = std::move(shape);
  for (const int64_t dimension : column.shape) column.elements *= static_cast<uint64_t>(dimension);
  return column;
}

inline Column with_default(Column column) {
  if (column.kind == Kind::kBytes) {
    column.default_strings.emplace(column.elements, "default");
  } else {
    column.default_numbers.emplace(column.elements * size_of(column.type), uint8_t{1});
  }
  return column;
}

}  // namespace headrace::testing
