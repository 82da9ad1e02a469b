// Decoding: one column of every kind and shape, from located cells to its place in a batch.
#include "batch.h"

#include <cstring>

#include "cases.h"
#include "cells.h"
#include "kernels/kernels.h"

using namespace headrace;
using namespace headrace::bench;

namespace {

Column column_of(Kind kind, Layout layout, Type type, std::vector<int64_t> shape = {}) {
  Column column;
  column.key = "x";
  column.kind = kind;
  column.layout = layout;
  column.type = type;
  column.shape = shape;
  for (const int64_t n : shape) column.elements *= static_cast<uint64_t>(n);
  return column;
}

// The bytes of all values of a finished batch, summed.
uint64_t sum_of(Batch& batch, size_t values) {
  const Column& column = batch.layout().columns()[0];
  const bool strings = column.type == Type::kBytes;
  const uint8_t* const bytes = strings                           ? batch.bytes(0).memory().data()
                               : BatchLayout::has_splits(column) ? batch.values(0).memory().data()
                                                                 : batch.fixed(0);
  const size_t size = strings ? batch.bytes(0).size() : values * size_of(column.type);
  uint64_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += bytes[i];
  return sum;
}

// The same of what the batch should hold: `Number` is the column's type.
template <class Number>
uint64_t sum_as(const auto& values) {
  uint64_t sum = 0;
  for (const auto& value : values) {
    const auto number = static_cast<Number>(value);
    uint8_t bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    for (const uint8_t byte : bytes) sum += byte;
  }
  return sum;
}

uint64_t sum_of_text(const std::vector<std::string>& values) {
  uint64_t sum = 0;
  for (const std::string& value : values) sum += sum_as<uint8_t>(value);
  return sum;
}

// `make` gives the values of a record, `sum` what they add up to. A raw tensor is many values.
void time_decoding(const std::string& what, const Column& column, const auto& make,
                   const auto& sum) {
  Block block;
  size_t values = 0;
  uint64_t expected = 0;
  block.fill([&] {
    const auto row = make();
    values += column.layout == Layout::kRaw ? column.elements : row.size();
    expected += sum(row);
    return Example{{"x", row}};
  });
  const std::vector<ByteView> records = block.records();
  const size_t n = records.size();
  const auto schema = std::make_shared<const Schema>(std::vector<Column>{column});
  const auto layout = std::make_shared<const BatchLayout>(schema->columns(), n, /*pad=*/true);
  const Cells::RowOf row_of = [](size_t) { return ExactParser::Row{}; };
  Cells cells(schema, ParseMode::kBatch);
  double best = 1e9;
  repeat([&] {
    Batch batch(layout);
    batch.open();
    batch.set_rows(n);
    cells.locate(records, row_of);
    const auto start = std::chrono::steady_clock::now();
    cells.measure();
    std::vector<Batch::Places> places(1);
    if (layout->grows()) places[0] = batch.reserve(0, cells.amount(0, 0, n), n);
    batch.store(cells, 0, n, 0, places);
    batch.finish();
    best = std::min(best, seconds_since(start));
    expect(cells.errors().empty() && sum_of(batch, values) == expected, what);
  });
  expect(cells.slow_records() == 0, what);
  print(what, best, values, block.bytes().size);
}

std::vector<float> floats(size_t n) {
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random_bits() % 1000) * 0.25f;
  return values;
}

// Each takes a varint of that many bytes.
std::vector<int64_t> ints(size_t n, size_t shortest, size_t longest) {
  std::vector<int64_t> values(n);
  for (int64_t& value : values) {
    const size_t bytes = random_between(shortest, longest);
    const uint64_t lowest = bytes == 1 ? 0 : uint64_t{1} << (7 * (bytes - 1));
    value = static_cast<int64_t>(bytes == 10 ? ~random_bits() | lowest
                                             : lowest | (random_bits() % (lowest * 127 + 127)));
  }
  return values;
}

std::vector<std::string> strings(size_t n, size_t size) {
  std::vector<std::string> values(n, std::string(size, ' '));
  for (std::string& value : values) {
    for (char& c : value) c = static_cast<char>(random_bits());
  }
  return values;
}

void time_floats() {
  using enum Layout;
  const auto sum = [](const auto& row) { return sum_as<float>(row); };
  const auto fixed = [](size_t n) {
    return column_of(Kind::kFloat, kFixed, Type::kFloat32, {static_cast<int64_t>(n)});
  };
  time_decoding(
      "float32 scalar", column_of(Kind::kFloat, kFixed, Type::kFloat32), [] { return floats(1); },
      sum);
  for (const size_t n : {10, 100, 1024}) {
    time_decoding(
        "float32[" + std::to_string(n) + "]", fixed(n), [&] { return floats(n); }, sum);
  }
  time_decoding(
      "float64[100]", column_of(Kind::kFloat, kFixed, Type::kFloat64, {100}),
      [] { return floats(100); }, [](const auto& row) { return sum_as<double>(row); });
  time_decoding(
      "float32, ragged, 0..20", column_of(Kind::kFloat, kRagged, Type::kFloat32),
      [] { return floats(random_between(0, 20)); }, sum);
  time_decoding(
      "float32, ragged, 500..1500", column_of(Kind::kFloat, kRagged, Type::kFloat32),
      [] { return floats(random_between(500, 1500)); }, sum);
}

void time_ints() {
  using enum Layout;
  const auto sum = [](const auto& row) { return sum_as<int64_t>(row); };
  const auto fixed = [](int64_t n) { return column_of(Kind::kInt64, kFixed, Type::kInt64, {n}); };
  const Column ragged = column_of(Kind::kInt64, kRagged, Type::kInt64);
  const struct { size_t shortest, longest; } widths[] = {{1, 1}, {2, 2}, {1, 3}, {3, 5}, {9, 9}};
  for (const auto& [shortest, longest] : widths) {
    const size_t low = shortest, high = longest;
    const std::string width =
        ", varints of " + std::to_string(low) + (low == high ? "" : ".." + std::to_string(high));
    time_decoding(
        "int64 scalar" + width, column_of(Kind::kInt64, kFixed, Type::kInt64),
        [&] { return ints(1, low, high); }, sum);
    time_decoding(
        "int64[64]" + width, fixed(64), [&] { return ints(64, low, high); }, sum);
    time_decoding(
        "int64, ragged, 0..3" + width, ragged,
        [&] { return ints(random_between(0, 3), low, high); }, sum);
    time_decoding(
        "int64, ragged, 0..20" + width, ragged,
        [&] { return ints(random_between(0, 20), low, high); }, sum);
    time_decoding(
        "int64, ragged, 128..1024" + width, ragged,
        [&] { return ints(random_between(128, 1024), low, high); }, sum);
  }
  time_decoding(
      "int32 scalar, varints of 1..3", column_of(Kind::kInt64, kFixed, Type::kInt32),
      [] { return ints(1, 1, 3); }, [](const auto& row) { return sum_as<int32_t>(row); });
  time_decoding(
      "int32[64], varints of 1..3", column_of(Kind::kInt64, kFixed, Type::kInt32, {64}),
      [] { return ints(64, 1, 3); }, [](const auto& row) { return sum_as<int32_t>(row); });
}

void time_strings() {
  using enum Layout;
  for (const size_t size : {8, 100, 1000, 100'000}) {
    time_decoding(
        "bytes scalar of " + std::to_string(size), column_of(Kind::kBytes, kFixed, Type::kBytes),
        [&] { return strings(1, size); }, sum_of_text);
  }
  time_decoding(
      "bytes of 12, ragged, 0..10", column_of(Kind::kBytes, kRagged, Type::kBytes),
      [] { return strings(random_between(0, 10), 12); }, sum_of_text);
  const auto raw = [](Type type, int64_t n) { return column_of(Kind::kBytes, kRaw, type, {n}); };
  time_decoding(
      "raw uint8[768]", raw(Type::kUInt8, 768), [] { return strings(1, 768); }, sum_of_text);
  time_decoding(
      "raw uint8[150528]", raw(Type::kUInt8, 150'528), [] { return strings(1, 150'528); },
      sum_of_text);
  Column swapped = raw(Type::kFloat32, 256);
  swapped.big_endian = true;
  time_decoding(
      "raw float32[256], big-endian", swapped, [] { return strings(1, 1024); }, sum_of_text);
}

}  // namespace

int main() {
  std::printf("decoding, a value; body %s\n", kernels().name);
  time_floats();
  time_ints();
  time_strings();
}
