// Numbered Examples: every value of a record follows from its number, so that each row of a batch
// can be told and checked by itself.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "batch.h"
#include "schema.h"
#include "writer.h"

namespace headrace::testing {

using Numbers = std::vector<int64_t>;

inline Numbers range(int64_t begin, int64_t end) {
  Numbers numbers(static_cast<size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

inline Column column_of(const std::string& key, Kind kind, Layout layout, Type type,
                        std::vector<int64_t> shape = {}) {
  Column column;
  column.key = key;
  column.kind = kind;
  column.layout = layout;
  column.type = type;
  column.shape = std::move(shape);
  for (const int64_t dimension : column.shape) column.elements *= static_cast<uint64_t>(dimension);
  return column;
}

// Every layout of every kind that has it, a narrowed column and one that no record has.
inline std::vector<Column> numbered_columns() {
  std::vector<Column> columns = {
      column_of("number", Kind::kInt64, Layout::kFixed, Type::kInt64),
      column_of("small", Kind::kInt64, Layout::kFixed, Type::kInt16),
      column_of("floats", Kind::kFloat, Layout::kFixed, Type::kFloat32, {3}),
      column_of("text", Kind::kBytes, Layout::kFixed, Type::kBytes),
      column_of("image", Kind::kBytes, Layout::kRaw, Type::kUInt16, {2}),
      column_of("ids", Kind::kInt64, Layout::kRagged, Type::kInt64),
      column_of("words", Kind::kBytes, Layout::kRagged, Type::kBytes),
      column_of("frames", Kind::kFloat, Layout::kSequence, Type::kFloat32, {2}),
      column_of("labels", Kind::kBytes, Layout::kSequence, Type::kBytes),
      column_of("absent", Kind::kInt64, Layout::kFixed, Type::kInt64),
  };
  columns.back().default_numbers.emplace(8, uint8_t{0});
  columns.back().default_numbers->front() = 42;
  return columns;
}

inline std::shared_ptr<const Schema> numbered_schema() {
  return std::make_shared<const Schema>(numbered_columns());
}

// What the record of this number holds.
struct Numbered {
  int64_t number;
  Numbers small, ids;
  std::vector<float> floats, frames;
  std::string text, image;
  std::vector<std::string> words, labels;

  explicit Numbered(int64_t n) : number(n), small{n % 1000} {
    for (int64_t i = 0; i < n % 5; ++i) ids.push_back(n * 1'000'003 * (i % 2 == 0 ? 1 : -1));
    for (int i = 0; i < 3; ++i)
      floats.push_back(static_cast<float>(n) + 0.25f * static_cast<float>(i));
    for (int i = 0; i < 2 * (n % 4); ++i) frames.push_back(static_cast<float>(n * 10 + i));
    text = "record " + std::to_string(n);
    image = {static_cast<char>(n), 1, static_cast<char>(n >> 8), 2};
    for (int64_t i = 0; i < n % 3; ++i)
      words.push_back(text + std::string(static_cast<size_t>(i), '!'));
    for (int64_t i = 0; i < n % 4; ++i) labels.push_back(std::to_string(n + i));
  }
};

// The Example of this number. The order of its features changes from number to number, and some
// hold an unwanted one.
inline std::string numbered_example(int64_t n) {
  const Numbered record(n);
  std::vector<ByteView> views;
  for (const auto* list : {&record.words, &record.labels}) {
    for (const std::string& s : *list) {
      views.push_back({reinterpret_cast<const uint8_t*>(s.data()), s.size()});
    }
  }
  const auto view = [](const std::string& s) {
    return ByteView{reinterpret_cast<const uint8_t*>(s.data()), s.size()};
  };
  const ByteView text = view(record.text), image = view(record.image);
  const std::span<const ByteView> strings(views);
  std::vector<FeatureColumn> features;
  std::vector<Numbers> splits;
  splits.reserve(16);
  const auto add = [&](std::string_view key, auto values) {
    splits.push_back({0, static_cast<int64_t>(values.size())});
    features.push_back({key, values, splits.back()});
  };
  add("number", std::span<const int64_t>(&record.number, 1));
  add("small", std::span<const int64_t>(record.small));
  add("floats", std::span<const float>(record.floats));
  add("text", std::span<const ByteView>(&text, 1));
  add("image", std::span<const ByteView>(&image, 1));
  add("ids", std::span<const int64_t>(record.ids));
  add("words", strings.first(record.words.size()));
  add("frames", std::span<const float>(record.frames));
  add("labels", strings.subspan(record.words.size()));
  if (n % 7 == 0) add("unwanted", std::span<const ByteView>(&text, 1));
  if (n % 2 == 1) std::rotate(features.begin(), features.begin() + n % 9, features.end());
  const ExampleEncoder encoder(features, 1);
  std::string bytes(encoder.size(0), '\0');
  encoder.write_example(0, reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

inline std::vector<std::string> numbered_examples(const Numbers& numbers) {
  std::vector<std::string> examples;
  for (const int64_t n : numbers) examples.push_back(numbered_example(n));
  return examples;
}

template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>) {
      text += value + ',';
    } else {
      text += std::to_string(value) + ',';
    }
  }
  return text + ']';
}

// The rows of a batch as it should be; `pad`: sequences have the length of the longest.
inline std::vector<std::string> expected_rows(const Numbers& numbers, bool pad = true) {
  size_t longest = 0;
  for (const int64_t n : numbers) longest = std::max(longest, Numbered(n).labels.size());
  std::vector<std::string> rows;
  for (const int64_t n : numbers) {
    Numbered record(n);
    if (pad) {
      record.frames.resize(2 * longest);
      record.labels.resize(longest);
    }
    const Numbers image = {(n & 0xff) | 1 << 8, (n >> 8 & 0xff) | 2 << 8};
    rows.push_back(std::to_string(n) + ' ' + text_of(record.small) + text_of(record.floats) +
                   record.text + text_of(image) + text_of(record.ids) + text_of(record.words) +
                   text_of(record.frames) + text_of(record.labels) + "42");
  }
  return rows;
}

// Row `row` of a column of a finished batch, as numbers of its type or as strings.
template <class T>
std::vector<T> values_at(Batch& batch, size_t c, size_t row) {
  const BatchLayout& layout = batch.layout();
  const Column& column = layout.columns()[c];
  const auto* const ends = reinterpret_cast<const int64_t*>(batch.fixed(c));
  size_t begin = row * column.elements, end = begin + column.elements;
  if (layout.pads(c)) {
    end = (row + 1) * batch.longest(c) * column.elements;
    begin = row * batch.longest(c) * column.elements;
  } else if (BatchLayout::has_splits(column)) {
    begin = static_cast<size_t>(ends[row]);
    end = static_cast<size_t>(ends[row + 1]);
  }
  std::vector<T> values;
  if constexpr (std::is_same_v<T, std::string>) {
    const auto* const offsets =
        BatchLayout::has_splits(column)
            ? reinterpret_cast<const int64_t*>(batch.values(c).memory().data())
            : ends;
    const auto* const bytes = reinterpret_cast<const char*>(batch.bytes(c).memory().data());
    for (size_t i = begin; i < end; ++i)
      values.emplace_back(bytes + offsets[i], bytes + offsets[i + 1]);
  } else {
    const uint8_t* const numbers =
        BatchLayout::has_splits(column) ? batch.values(c).memory().data() : batch.fixed(c);
    values.resize(end - begin);
    if (!values.empty())
      std::memcpy(values.data(), numbers + begin * sizeof(T), values.size() * sizeof(T));
  }
  return values;
}

inline std::vector<std::string> rows_of(Batch& batch) {
  std::vector<std::string> rows;
  for (size_t row = 0; row < batch.rows(); ++row) {
    const auto strings = [&](size_t c) { return values_at<std::string>(batch, c, row); };
    rows.push_back(std::to_string(values_at<int64_t>(batch, 0, row)[0]) + ' ' +
                   text_of(values_at<int16_t>(batch, 1, row)) +
                   text_of(values_at<float>(batch, 2, row)) + strings(3)[0] +
                   text_of(values_at<uint16_t>(batch, 4, row)) +
                   text_of(values_at<int64_t>(batch, 5, row)) + text_of(strings(6)) +
                   text_of(values_at<float>(batch, 7, row)) + text_of(strings(8)) +
                   std::to_string(values_at<int64_t>(batch, 9, row)[0]));
  }
  return rows;
}

}  // namespace headrace::testing
