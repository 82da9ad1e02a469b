// Agreement: the fast way through the parser against the exact grammar, record by record.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "convert.h"
#include "exact.h"
#include "examples.h"
#include "parse.h"

namespace headrace::testing {

using Values = std::vector<std::string>;  // of one row: strings, or the bytes of each number

// What a record should become.
struct Answer {
  std::optional<ParseError> error;
  bool out_of_range = false;  // the exact grammar does not narrow
  std::vector<Values> columns;
  std::vector<size_t> counts;  // of values of each column
};

inline Values numbers_of(const uint8_t* bytes, size_t n, Type type) {
  Values values;
  for (size_t i = 0; i < n; ++i) {
    values.emplace_back(reinterpret_cast<const char*>(bytes) + i * size_of(type), size_of(type));
  }
  return values;
}

// By the exact grammar; what it leaves to others is done here in the simplest way.
inline Answer exact_answer(ExactParser& parser, const Schema& schema, ByteView record, size_t row) {
  Answer answer;
  if (!parser.parse(record, {.index = row})) {
    answer.error = parser.error();
    return answer;
  }
  for (size_t c = 0; c < schema.size(); ++c) {
    const Column& column = schema.columns()[c];
    Values values;
    const bool fixed = column.layout == Layout::kFixed || column.layout == Layout::kRaw;
    if (fixed && !parser.present(c)) {
      if (column.type == Type::kBytes) {
        values = *column.default_strings;
      } else {
        values = numbers_of(column.default_numbers->data(), column.elements, column.type);
      }
    } else if (column.layout == Layout::kRaw) {
      const ByteView bytes = parser.strings(c)[0];
      std::vector<uint8_t> numbers(bytes.data, bytes.data + bytes.size);
      if (column.big_endian) swap_bytes(numbers.data(), column.elements, column.type);
      values = numbers_of(numbers.data(), column.elements, column.type);
    } else if (column.kind == Kind::kBytes) {
      for (const ByteView& string : parser.strings(c)) values.emplace_back(string.text());
    } else {
      const size_t n = parser.count(c);
      std::vector<uint8_t> numbers(n * size_of(column.type));
      const size_t good =
          n == 0 ? 0
          : column.kind == Kind::kInt64
              ? convert_int64s(parser.int64s(c).data(), n, column.type, numbers.data())
              : convert_floats(parser.floats(c).data(), n, column.type, numbers.data());
      answer.out_of_range |= good != n;
      values = numbers_of(numbers.data(), n, column.type);
    }
    answer.counts.push_back(values.size());
    answer.columns.push_back(std::move(values));
  }
  return answer;
}

// Row `row` of a column of a finished batch.
inline Values batch_values(Batch& batch, size_t c, size_t row) {
  const Column& column = batch.layout().columns()[c];
  const auto* const ends = reinterpret_cast<const int64_t*>(batch.fixed(c));
  size_t begin = row * column.elements, end = begin + column.elements;
  const bool growing = BatchLayout::has_splits(column);
  if (batch.layout().pads(c)) {
    begin *= batch.longest(c);
    end *= batch.longest(c);
  } else if (growing) {
    begin = static_cast<size_t>(ends[row]);
    end = static_cast<size_t>(ends[row + 1]);
  }
  const uint8_t* const numbers = growing ? batch.values(c).memory().data() : batch.fixed(c);
  if (column.type != Type::kBytes) {
    return numbers_of(numbers + begin * size_of(column.type), end - begin, column.type);
  }
  const auto* const offsets = reinterpret_cast<const int64_t*>(numbers);
  const auto* const bytes = reinterpret_cast<const char*>(batch.bytes(c).memory().data());
  Values values;
  for (size_t i = begin; i < end; ++i)
    values.emplace_back(bytes + offsets[i], bytes + offsets[i + 1]);
  return values;
}

inline std::string padding_of(const Column& column) {
  if (column.type == Type::kBytes) {
    return column.default_strings ? column.default_strings->front() : "";
  }
  if (!column.default_numbers) return std::string(size_of(column.type), '\0');
  return numbers_of(column.default_numbers->data(), 1, column.type)[0];
}

// Where parse() and the exact grammar differ about these records in one batch; empty if nowhere.
inline std::string disagreement(const std::shared_ptr<const Schema>& schema, ParseMode mode,
                                const std::vector<ByteView>& records) {
  ExactParser parser(schema, mode);
  std::vector<Answer> answers;
  for (size_t row = 0; row < records.size(); ++row) {
    answers.push_back(exact_answer(parser, *schema, records[row], row));
    if (answers.back().error || answers.back().out_of_range) break;
  }
  const Answer& last = answers.back();
  std::optional<ParseFailure> failure;
  const auto batch = parse(records, {}, schema, mode, failure);
  if (last.error || last.out_of_range) {
    if (batch != nullptr) {
      return "accepted, but should be: " + (last.error ? last.error->text : "out of range");
    }
    if (failure->row != answers.size() - 1) return "another row: " + std::to_string(failure->row);
    const std::string& text = failure->error.text;
    if (!last.error) {
      return text.find("out of range") != std::string::npos ? "" : "not out of range: " + text;
    }
    // The number that follows counts earlier rows as well.
    const bool counts = last.error->column != Schema::kNotWanted;
    const size_t compared = counts ? last.error->saw_at : std::string::npos;
    return text.compare(0, compared, last.error->text, 0, compared) == 0
               ? ""
               : "another error: " + text + "\n instead of: " + last.error->text;
  }
  if (batch == nullptr) return "refused: " + failure->error.text;
  for (size_t c = 0; c < schema->size(); ++c) {
    const Column& column = schema->columns()[c];
    size_t longest = 0;
    for (const Answer& answer : answers) longest = std::max(longest, answer.counts[c]);
    for (size_t row = 0; row < records.size(); ++row) {
      Values& expected = answers[row].columns[c];
      if (batch->layout().pads(c)) expected.resize(longest, padding_of(column));
      const Values found = batch_values(*batch, c, row);
      if (found == expected) continue;
      std::string text = "row " + std::to_string(row) + " of '" + column.key + "': found";
      for (const std::string& value : found) text += ' ' + hex(value);
      text += ", expected";
      for (const std::string& value : expected) text += ' ' + hex(value);
      return text;
    }
  }
  return "";
}

// --- Schemas that have every kind, layout and type ---

inline Column typed(Column column, Type type) {
  column.type = type;
  return column;
}

inline Column raw(const std::string& key, Type type, bool big_endian, std::vector<int64_t> shape) {
  Column raw = typed(column(key, Kind::kBytes, Layout::kRaw, std::move(shape)), type);
  raw.big_endian = big_endian;
  return raw;
}

inline Column default_numbers(Column column) {
  const size_t n = column.layout == Layout::kSequence ? 1 : column.elements;
  column.default_numbers.emplace(n * size_of(column.type), uint8_t{1});
  return column;
}

// Keys longer than a name that is remembered, and with the same ends as another.
inline const std::string kLongKey(80, 'k');
inline const std::string kTwinKeys[] = {"the same ends, but one", "the same ends, two one"};

inline std::vector<Column> all_columns() {
  using enum Kind;
  using enum Layout;
  return {
      column("a", kInt64, kFixed),
      column("b", kInt64, kFixed, {2}),
      column("c", kFloat, kFixed),
      column("d", kFloat, kFixed, {3}),
      column("e", kBytes, kFixed),
      column("f", kBytes, kFixed, {2}),
      column("g", kInt64, kRagged),
      column("h", kFloat, kRagged),
      column("i", kBytes, kRagged),
      column("j", kInt64, kSequence),
      column("k", kFloat, kSequence, {2}),
      column("l", kBytes, kSequence, {2}),
      raw("m", Type::kUInt16, true, {2}),
      raw("n", Type::kFloat32, false, {}),
      typed(column("o", kInt64, kFixed), Type::kInt8),
      typed(column("p", kInt64, kFixed, {2}), Type::kBool),
      typed(column("q", kFloat, kFixed), Type::kFloat16),
      typed(column("r", kFloat, kFixed, {2}), Type::kFloat64),
      typed(column("s", kInt64, kFixed), Type::kUInt64),
      typed(column("t", kFloat, kFixed), Type::kBFloat16),
      typed(column("u", kInt64, kFixed), Type::kUInt32),
      column("", kInt64, kRagged),
      column(kLongKey, kInt64, kFixed),
      column(kTwinKeys[0], kInt64, kRagged),
      column(kTwinKeys[1], kInt64, kRagged),
  };
}

// What may be missing has no default of its own to fall back on: an error.
inline std::shared_ptr<const Schema> strict_schema() {
  return std::make_shared<const Schema>(all_columns());
}

inline std::shared_ptr<const Schema> lenient_schema() {
  std::vector<Column> columns = all_columns();
  for (Column& column : columns) {
    if (column.layout == Layout::kRagged) continue;
    column = column.type == Type::kBytes ? with_default(column) : default_numbers(column);
  }
  return std::make_shared<const Schema>(columns);
}

// One column alone, required.
inline std::shared_ptr<const Schema> single_schema(size_t index) {
  const std::vector<Column> columns = all_columns();
  return std::make_shared<const Schema>(std::vector<Column>{columns[index % columns.size()]});
}

}  // namespace headrace::testing
