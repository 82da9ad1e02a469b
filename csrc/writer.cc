#include "writer.h"

#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "entry.h"
#include "kernels/kernels.h"
#include "wire.h"

namespace headrace {
namespace {

constexpr uint8_t kFirstField = delimited_tag(1);   // Example.features, a key, a list's values
constexpr uint8_t kSecondField = delimited_tag(2);  // the value of a map entry
constexpr uint8_t kBytesList = delimited_tag(1);
constexpr uint8_t kFloatList = delimited_tag(2);
constexpr uint8_t kInt64List = delimited_tag(3);

constexpr uint64_t kMaxExampleSize = WireCursor::kMaxSize;
constexpr size_t kRecordHeaderSize = 12;

size_t varint_size(uint64_t v) { return (std::bit_width(v | 1) * 9 + 64) / 64; }

uint8_t* put_tag(uint8_t tag, uint64_t size, uint8_t* out) {
  *out++ = tag;
  return put_varint(size, out);
}

uint8_t* put_bytes(const void* data, size_t size, uint8_t* out) {
  if (size != 0) std::memcpy(out, data, size);
  return out + size;
}

// A tag of one byte, a length and what it announces.
uint64_t field_size(uint64_t size) { return 1 + varint_size(size) + size; }

template <class T>
std::span<const T> row_of(std::span<const T> values, const FeatureColumn& column, size_t row) {
  const size_t begin = static_cast<size_t>(column.row_splits[row]);
  return values.subspan(begin, static_cast<size_t>(column.row_splits[row + 1]) - begin);
}

// How each kind of list is measured and written. The payload is what follows the packed header, or
// the whole list where nothing is packed.
uint64_t payload_size(std::span<const int64_t> values) {
  uint64_t size = 0;
  for (int64_t v : values) size += varint_size(static_cast<uint64_t>(v));
  return size;
}
uint64_t payload_size(std::span<const float> values) { return values.size_bytes(); }
uint64_t payload_size(std::span<const ByteView> values) {
  uint64_t size = 0;
  for (const ByteView& v : values) size += field_size(v.size);
  return size;
}

uint64_t list_size(std::span<const ByteView>, uint64_t payload) { return payload; }
template <class T>
uint64_t list_size(std::span<const T>, uint64_t payload) {
  return payload == 0 ? 0 : field_size(payload);
}

uint8_t* put_list(std::span<const int64_t> values, uint64_t payload, uint8_t* out) {
  out = put_tag(kInt64List, list_size(values, payload), out);
  if (values.empty()) return out;
  out = put_tag(kFirstField, payload, out);
  for (int64_t v : values) out = put_varint(static_cast<uint64_t>(v), out);
  return out;
}
uint8_t* put_list(std::span<const float> values, uint64_t payload, uint8_t* out) {
  out = put_tag(kFloatList, list_size(values, payload), out);
  if (values.empty()) return out;
  out = put_tag(kFirstField, payload, out);
  return put_bytes(values.data(), payload, out);
}
uint8_t* put_list(std::span<const ByteView> values, uint64_t payload, uint8_t* out) {
  out = put_tag(kBytesList, payload, out);
  for (const ByteView& v : values) {
    out = put_tag(kFirstField, v.size, out);
    out = put_bytes(v.data, v.size, out);
  }
  return out;
}

uint64_t feature_size(const FeatureColumn& column, uint64_t payload) {
  uint64_t size = 0;
  visit_values(column, [&](auto values) { size = field_size(list_size(values, payload)); });
  return size;
}

uint64_t entry_size(const FeatureColumn& column, uint64_t payload) {
  return field_size(column.key.size()) + field_size(feature_size(column, payload));
}

void check_splits(const FeatureColumn& column, size_t rows) {
  visit_values(column, [&](auto values) {
    const auto& splits = column.row_splits;
    bool good = splits.size() == rows + 1 && splits.front() == 0 &&
                splits.back() == static_cast<int64_t>(values.size());
    for (size_t i = 0; good && i < rows; ++i) good = splits[i] <= splits[i + 1];
    if (good) return;
    throw std::invalid_argument("feature '" + std::string(column.key) +
                                "': row splits must rise from 0 to " +
                                std::to_string(values.size()) + ", the number of values, and be " +
                                std::to_string(rows + 1));
  });
}

}  // namespace

ExampleEncoder::ExampleEncoder(std::span<const FeatureColumn> columns, size_t rows)
    : columns_(columns),
      rows_(rows),
      payload_sizes_(rows * columns.size()),
      features_sizes_(rows),
      example_sizes_(rows) {
  for (const FeatureColumn& column : columns) check_splits(column, rows);
  for (size_t c = 0; c < columns.size(); ++c) {
    visit_values(columns[c], [&](auto values) {
      for (size_t row = 0; row < rows; ++row) {
        payload_sizes_[row * columns.size() + c] = payload_size(row_of(values, columns[c], row));
      }
    });
  }
  for (size_t row = 0; row < rows; ++row) {
    uint64_t size = 0;
    for (size_t c = 0; c < columns.size(); ++c) {
      size += field_size(entry_size(columns[c], payload_sizes_[row * columns.size() + c]));
    }
    features_sizes_[row] = size;
    example_sizes_[row] = field_size(size);
    if (example_sizes_[row] > kMaxExampleSize) {
      throw std::invalid_argument("an Example of " + std::to_string(example_sizes_[row]) +
                                  " bytes: protobuf messages end at " +
                                  std::to_string(kMaxExampleSize) + " bytes");
    }
  }
}

size_t ExampleEncoder::framed_size() const {
  size_t size = rows_ * kFrameSize;
  for (uint64_t example : example_sizes_) size += example;
  return size;
}

uint8_t* ExampleEncoder::write_example(size_t row, uint8_t* out) const {
  out = put_tag(kFirstField, features_sizes_[row], out);
  for (size_t c = 0; c < columns_.size(); ++c) {
    const FeatureColumn& column = columns_[c];
    const uint64_t payload = payload_sizes_[row * columns_.size() + c];
    out = put_tag(kFirstField, entry_size(column, payload), out);
    out = put_tag(kFirstField, column.key.size(), out);
    out = put_bytes(column.key.data(), column.key.size(), out);
    out = put_tag(kSecondField, feature_size(column, payload), out);
    visit_values(column,
                 [&](auto values) { out = put_list(row_of(values, column, row), payload, out); });
  }
  return out;
}

uint8_t* ExampleEncoder::write_records(uint8_t* out) const {
  for (size_t row = 0; row < rows_; ++row) {
    uint8_t* data = out + kRecordHeaderSize;
    write_example(row, data);
    out = write_record({data, example_sizes_[row]}, out);
  }
  return out;
}

uint8_t* write_record(ByteView data, uint8_t* out) {
  const auto put_masked_crc = [](const uint8_t* p, size_t n, uint8_t* at) {
    const uint32_t crc = mask_crc(kernels().crc32c(0, p, n));
    std::memcpy(at, &crc, sizeof crc);
  };
  const uint64_t length = data.size;
  std::memcpy(out, &length, sizeof length);
  put_masked_crc(out, sizeof length, out + sizeof length);
  uint8_t* place = out + kRecordHeaderSize;
  if (place != data.data) put_bytes(data.data, data.size, place);
  put_masked_crc(place, data.size, place + data.size);
  return place + data.size + sizeof(uint32_t);
}

}  // namespace headrace
