// The exact parser against what TensorFlow was seen to do.
#include "exact.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "examples.h"
#include "wire_rows.h"

using headrace::ByteView;
using headrace::Column;
using headrace::ExactParser;
using headrace::Kind;
using headrace::Layout;
using headrace::ParseError;
using headrace::ParseMode;
using headrace::Schema;
using headrace::Type;
using namespace headrace::testing;

namespace {

std::string unhex(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '(') {
      char* end;
      const std::string byte = unhex(text.substr(i + 1, 2));
      const unsigned long times = std::strtoul(text.c_str() + i + 4, &end, 10);
      for (unsigned long k = 0; k < times; ++k) bytes += byte;
      i = static_cast<size_t>(end + 1 - text.c_str());
    } else {
      bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
      i += 2;
    }
  }
  return bytes;
}

ExactParser parser_of(std::vector<Column> columns, ParseMode mode = ParseMode::kBatch) {
  return ExactParser(std::make_shared<const Schema>(std::move(columns)), mode);
}

std::string values_text(const ExactParser& parser, size_t column, Kind kind) {
  std::string text;
  const auto add = [&](const std::string& value) { text += (text.empty() ? "" : ",") + value; };
  if (kind == Kind::kFloat) {
    for (const float& value : parser.floats(column)) {
      text += hex({reinterpret_cast<const char*>(&value), 4});
    }
    return text;
  }
  if (kind == Kind::kInt64) {
    for (const int64_t value : parser.int64s(column)) add(std::to_string(value));
  } else {
    for (const ByteView value : parser.strings(column)) add(hex(value.text()));
  }
  return '[' + text + ']';
}

// The text of the error, up to a quoted record; the values otherwise.
std::string outcome(const Column& column, ParseMode mode, ByteView record) {
  ExactParser parser = parser_of({column}, mode);
  if (parser.parse(record, {})) {
    if (column.layout == Layout::kFixed && !parser.present(0)) return "default";
    return values_text(parser, 0, column.kind);
  }
  const ParseError& error = parser.error();
  return error.quote == ParseError::kNoQuote ? error.text : error.text.substr(0, error.quote);
}
std::string outcome(const Column& column, ParseMode mode, const std::string& bytes) {
  return outcome(column, mode, Record(bytes).view());
}

// --- The rows ---

std::string expected_text(const std::string& outcome, const Column& column, ParseMode mode,
                          const std::string& found_dtype) {
  const std::string dtype = name_of(column.kind);
  const std::string list = column.kind == Kind::kBytes ? "bytes" : dtype;
  const bool batch = mode == ParseMode::kBatch;
  const std::string key = column.key;
  const std::string prefix =
      batch ? "Name: <unknown>, Key: " + key + ", Index: 0.  " : "Key: " + key + ".  ";
  if (outcome == "CNP") return "Could not parse example input, value: '";
  if (outcome == "UNSUP") return "Unsupported datatype.";
  if (outcome == "REQ") {
    return std::string(batch ? "Name: <unknown>, " : "") + "Feature: " + key +
           " (data type: " + dtype + ") is required but could not be found.";
  }
  if (outcome == "PARSE" || outcome == "C") {
    return prefix + "Can't parse serialized Example" +
           (batch                         ? "."
            : column.kind == Kind::kBytes ? ": Could not get num elements in bytes_list."
                                          : ": Parsing " + list + "_list failed.");
  }
  if (outcome.starts_with("N!= ")) {
    return prefix + "Number of " + list +
           " values != expected.  Values size: " + outcome.substr(4) + " but output shape: []";
  }
  if (outcome.starts_with('[') && outcome.find('(') != std::string::npos) {
    return '[' + hex(unhex(outcome.substr(1, outcome.size() - 2))) + ']';
  }
  if (outcome == "DT") {
    return prefix + "Data types don't match. " +
           (column.layout == Layout::kFixed
                ? "Data type: " + found_dtype + " but expected type: " + dtype
                : "Expected type: " + dtype + ", Actual type: " + found_dtype);
  }
  return outcome;
}

TEST_CASE("every row of wire bytes, as FixedLen and as VarLen, in a batch and single") {
  for (const WireRow& row : kWireRows) {
    CAPTURE(row.id);
    CAPTURE(row.what);
    const std::string id = row.id, bytes = unhex(row.bytes);
    const Kind kind = id[1] == '0' ? Kind::kInt64 : id[1] == '1' ? Kind::kFloat : Kind::kBytes;
    const std::string key = id == "W038e" || id == "W041e" ? ""
                            : id == "W077b"                ? "\xc3\xa9\xe6\xbc\xa2"
                                                           : "a";
    const std::string found = id == "W069" ? "float" : id == "W062" ? "string" : "int64";
    const Column fixed = column(key, kind, Layout::kFixed);
    const Column ragged = column(key, kind, Layout::kRagged);
    const auto check = [&](const Column& column, ParseMode mode, const char* wanted) {
      CHECK(outcome(column, mode, bytes) == expected_text(wanted, column, mode, found));
    };
    check(fixed, ParseMode::kBatch, row.fixed_batch);
    check(ragged, ParseMode::kBatch, row.ragged_batch);
    check(ragged, ParseMode::kSingle, row.ragged_single);
  }
}

TEST_CASE("what lies behind the end of a record changes nothing, wherever it is cut") {
  for (const WireRow& row : kWireRows) {
    CAPTURE(row.id);
    const std::string bytes = unhex(row.bytes);
    if (bytes.size() > 1000) continue;
    const Record whole(bytes);
    for (const Kind kind : {Kind::kBytes, Kind::kFloat, Kind::kInt64}) {
      for (const Layout layout : {Layout::kFixed, Layout::kSequence, Layout::kRagged}) {
        for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
          const Column wanted = column("a", kind, layout);
          for (size_t size = 0; size < bytes.size(); ++size) {
            REQUIRE(outcome(wanted, mode, ByteView{whole.view().data, size}) ==
                    outcome(wanted, mode, bytes.substr(0, size)));
          }
        }
      }
    }
  }
}

// --- Values ---

TEST_CASE("values of all columns of one record, in the order of the schema") {
  ExactParser parser = parser_of({column("x", Kind::kFloat, Layout::kFixed, {2}),
                                  column("id", Kind::kInt64, Layout::kRagged),
                                  column("s", Kind::kBytes, Layout::kSequence, {2}),
                                  with_default(column("gone", Kind::kInt64, Layout::kFixed, {3})),
                                  column("more", Kind::kInt64, Layout::kFixed)});
  const Record record(example(entry("more", int64_feature({9})) + entry("other", "\xff") +
                              entry("s", bytes_feature({"p", "", "q", "r"})) +
                              entry("id", int64_feature({1, 2, 3})) +
                              entry("x", float_feature({1.5f, -0.0f}))));
  for (int turn = 0; turn < 3; ++turn) {  // the scratch of one record does not leak into the next
    REQUIRE(parser.parse(record.view(), {}));
    CHECK(values_text(parser, 0, Kind::kFloat) == "0000c03f00000080");
    CHECK(values_text(parser, 1, Kind::kInt64) == "[1,2,3]");
    CHECK(values_text(parser, 2, Kind::kBytes) == "[70,,71,72]");
    CHECK_FALSE(parser.present(3));
    CHECK(parser.count(3) == 0);
    CHECK(values_text(parser, 4, Kind::kInt64) == "[9]");
    CHECK_FALSE(parser.parse(Record("\x0a").view(), {}));
  }
}

TEST_CASE("a schema of nothing still finds malformed records") {
  ExactParser parser = parser_of({});
  CHECK(parser.parse(Record(example(entry("a", int64_feature({1})))).view(), {}));
  CHECK_FALSE(parser.parse(Record("\x0a").view(), {}));
}

TEST_CASE("bytes values point into the record") {
  ExactParser parser = parser_of({column("a", Kind::kBytes, Layout::kRagged)});
  const Record record(example(entry("a", bytes_feature({"left", "right"}))));
  REQUIRE(parser.parse(record.view(), {}));
  for (const ByteView value : parser.strings(0)) {
    CHECK(value.data >= record.view().data);
    CHECK(value.data + value.size <= record.view().data + record.view().size);
  }
}

TEST_CASE("of equal keys the last one counts, unless it is empty and not ragged in a batch") {
  const std::string first = entry("a", int64_feature({1})),
                    last = entry("a", int64_feature({2, 3}));
  const std::string empty = entry("a", "");
  const Column fixed = with_default(column("a", Kind::kInt64, Layout::kFixed));
  const Column ragged = column("a", Kind::kInt64, Layout::kRagged);
  const Column sequence = column("a", Kind::kInt64, Layout::kSequence);
  for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
    CHECK(outcome(ragged, mode, example(first + last)) == "[2,3]");
    CHECK(outcome(ragged, mode, example(first) + example(last)) == "[2,3]");
    CHECK(outcome(sequence, mode, example(first + last)) == "[2,3]");
    CHECK(outcome(sequence, mode, example(first + empty)) == "[1]");
    CHECK(outcome(fixed, mode, example(last + first + empty)) == "[1]");
    CHECK(outcome(fixed, mode, example(empty)) == "default");
    const bool batch = mode == ParseMode::kBatch;
    CHECK(outcome(ragged, mode, example(first + empty)) == (batch ? "[]" : "[1]"));
  }
}

TEST_CASE("a missing sequence or ragged feature has no values, an empty list is present") {
  for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
    for (const Layout layout : {Layout::kSequence, Layout::kRagged}) {
      ExactParser parser = parser_of({column("a", Kind::kInt64, layout, {2})}, mode);
      REQUIRE(parser.parse(Record("").view(), {}));
      CHECK_FALSE(parser.present(0));
      CHECK(parser.count(0) == 0);
      REQUIRE(parser.parse(Record(example(entry("a", int64_feature({})))).view(), {}));
      CHECK(parser.present(0));
      CHECK(parser.count(0) == 0);
    }
  }
}

TEST_CASE("a shape without elements takes an empty list only") {
  const Column none = column("a", Kind::kInt64, Layout::kFixed, {2, 0});
  const auto parse = [&](const std::string& feature) {
    return outcome(none, ParseMode::kBatch, example(entry("a", feature)));
  };
  CHECK(parse(int64_feature({})) == "[]");
  CHECK(parse(int64_feature({1})) ==
        "Name: <unknown>, Key: a, Index: 0.  Number of int64 values != expected.  "
        "Values size: 1 but output shape: [2,0]");
}

TEST_CASE("raw columns hold one bytes value of the right size") {
  Column raw = column("a", Kind::kBytes, Layout::kRaw, {2, 3});
  raw.type = Type::kInt16;
  const auto parse = [&](const std::vector<std::string>& values, ParseMode mode) {
    return outcome(raw, mode, example(entry("a", bytes_feature(values))));
  };
  const ParseMode batch = ParseMode::kBatch, single = ParseMode::kSingle;
  CHECK(parse({"123456789abc"}, batch) == "[313233343536373839616263]");
  CHECK(
      parse({"12345"}, batch) ==
      "Name: <unknown>, Key: a, Index: 0.  The bytes value has 5 bytes, but shape [2,3] needs 12.");
  CHECK(parse({"12345"}, single) ==
        "Key: a.  The bytes value has 5 bytes, but shape [2,3] needs 12.");
  CHECK(parse({}, batch) ==
        "Name: <unknown>, Key: a, Index: 0.  Number of bytes values != expected.  "
        "Values size: 0 but output shape: []");
  CHECK(parse({"123456789abc", "x"}, batch) ==
        "Name: <unknown>, Key: a, Index: 0.  Can't parse serialized Example.");
  CHECK(outcome(raw, batch, "") ==
        "Name: <unknown>, Feature: a (data type: string) is required but could not be found.");
}

// --- Errors ---

TEST_CASE("wrong counts and lists, single") {
  const Column pair = column("a", Kind::kBytes, Layout::kFixed, {2});
  const auto parse = [&](const std::vector<std::string>& values, ParseMode mode) {
    return outcome(pair, mode, example(entry("a", bytes_feature(values))));
  };
  const std::string batch_prefix = "Name: <unknown>, Key: a, Index: 0.  ";
  const std::string single_prefix = "Key: a.  Can't parse serialized Example: ";
  CHECK(parse({"x", "y", "z"}, ParseMode::kBatch) ==
        batch_prefix + "Can't parse serialized Example.");
  CHECK(parse({"x", "y", "z"}, ParseMode::kSingle) == single_prefix + "Parsing bytes_list failed.");
  CHECK(parse({"x"}, ParseMode::kBatch) ==
        batch_prefix + "Number of bytes values != expected.  Values size: 1 but output shape: [2]");
  CHECK(parse({"x"}, ParseMode::kSingle) ==
        single_prefix + "Some bytes_list slice was not parsed.");
  CHECK(outcome(column("a", Kind::kInt64, Layout::kFixed), ParseMode::kSingle,
                example(entry("a", int64_feature({1, 2})))) ==
        single_prefix + "Some int64_list slice was not parsed.");
}

TEST_CASE("a packed float block announces a count of which only the slots are read") {
  const Column one = column("a", Kind::kFloat, Layout::kFixed);
  const std::string record = unhex("0a0f0a0d0a0161120812060a080000c03f");
  CHECK(outcome(one, ParseMode::kSingle, record) ==
        "Key: a.  Can't parse serialized Example: Some float_list slice was not parsed.");
  CHECK(outcome(column("a", Kind::kFloat, Layout::kSequence), ParseMode::kSingle, record) ==
        "Key: a.  Can't parse serialized Example: Parsing float_list failed.");
}

TEST_CASE("a sequence is a multiple of its stride") {
  const Column pairs = column("a", Kind::kInt64, Layout::kSequence, {2});
  const std::string record = example(entry("a", int64_feature({1, 2, 3})));
  CHECK(outcome(pairs, ParseMode::kBatch, record) ==
        "Name: <unknown>, Key: a, Index: 0.  Number of int64 values is not a multiple of stride "
        "length. Saw 3 values but output shape is: [?,2]");
  CHECK(outcome(pairs, ParseMode::kSingle, record) ==
        "Error while parsing feature with key a: number of elements should be divisible by 2, "
        "found 3 instead");
  CHECK(outcome(column("a", Kind::kInt64, Layout::kSequence, {0}), ParseMode::kBatch, record) ==
        "Name: <unknown>, Key: a, Index: 0.  A sequence of shape [0] has no length.");

  ExactParser parser = parser_of({column("b", Kind::kInt64, Layout::kRagged), pairs});
  REQUIRE_FALSE(parser.parse(Record(record).view(), {.index = 4, .name = "n"}));
  ParseError error = parser.error();
  CHECK(error.column == 1);
  error.count_preceding(96);
  error.count_preceding(1);
  CHECK(error.text ==
        "Name: n, Key: a, Index: 4.  Number of int64 values is not a multiple of stride length. "
        "Saw 100 values but output shape is: [?,2]");
}

TEST_CASE("the last bad entry is reported, bad ones before missing ones, these in order of keys") {
  ExactParser parser = parser_of({column("z", Kind::kInt64, Layout::kFixed),
                                  column("m", Kind::kFloat, Layout::kFixed),
                                  column("b", Kind::kInt64, Layout::kRagged)});
  const auto error = [&](const std::string& entries) {
    REQUIRE_FALSE(parser.parse(Record(example(entries)).view(), {}));
    return parser.error();
  };
  const std::string bad_z = entry("z", bytes_feature({"x"}));
  const std::string bad_b = entry("b", float_feature({1}));
  const std::string prefix = "Name: <unknown>, Key: ";
  CHECK(error(bad_b + bad_z).text ==
        prefix +
            "z, Index: 0.  Data types don't match. Data type: string but expected type: int64");
  CHECK(error(bad_z + bad_b).text ==
        prefix + "b, Index: 0.  Data types don't match. Expected type: int64, Actual type: float");
  const ParseError missing = error(entry("n\xff", "") + entry("q", ""));
  CHECK(missing.text ==
        "Name: <unknown>, Feature: m (data type: float) is required but could not be found.");
  CHECK(missing.detail == "The record has: 'n\\xff', 'q'.");
  CHECK(error("").detail == "The record has no features.");
  std::string many;
  for (int i = 0; i < 40; ++i) many += entry("k", "");
  CHECK(error(many).detail.ends_with(", 'k' and 8 more."));
}

TEST_CASE("names and keys stand in the text as they are, but for what is not text") {
  ExactParser parser = parser_of({column("caf\xc3\xa9\\\n\xff", Kind::kInt64, Layout::kFixed)});
  REQUIRE_FALSE(parser.parse(Record("").view(), {.index = 0, .name = std::string_view("a\0b", 3)}));
  CHECK(parser.error().text ==
        "Name: a\\x00b, Feature: caf\xc3\xa9\\\\x0a\\xff (data type: int64) is required but could "
        "not be found.");
  for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf0\x8f\xbf\xbf", "\xc3", "\xe6\xbc", "\xc3\x28", "\x80", "\xf8"}) {
    CHECK(headrace::escape_text(bad).starts_with("\\x"));
  }
  for (const char* good : {"\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "~ '\""}) {
    CHECK(headrace::escape_text(good) == good);
  }
}

TEST_CASE("a malformed record is quoted, escaped and cut") {
  ExactParser parser = parser_of({});
  const std::string start = "Could not parse example input, value: '";
  REQUIRE_FALSE(parser.parse(Record("\x0b\xff'z").view(), {}));
  CHECK(parser.error().text == start + "\\x0b\\xff'z'");
  CHECK(parser.error().quote == start.size());
  REQUIRE_FALSE(parser.parse(Record("\x0b" + std::string(1000, 'q')).view(), {}));
  CHECK(parser.error().text == start + "\\x0b" + std::string(255, 'q') + "...'");
}

// --- Minibatches ---

std::vector<size_t> minibatch_begins(const std::vector<size_t>& sizes) {
  std::vector<ByteView> records;
  for (const size_t size : sizes) records.push_back({nullptr, size});
  std::vector<size_t> begins;
  for (size_t row = 0; row < sizes.size(); ++row) {
    begins.push_back(headrace::minibatch_begin(records, row));
  }
  return begins;
}

TEST_CASE("small batches fall into eight minibatches, or as many as rows") {
  using Rows = std::vector<size_t>;
  CHECK(minibatch_begins({7}) == Rows{0});
  CHECK(minibatch_begins(Rows(8, 30)) == Rows{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(minibatch_begins(Rows(20, 30)) ==
        Rows{0, 0, 2, 2, 2, 5, 5, 7, 7, 7, 10, 10, 12, 12, 12, 15, 15, 17, 17, 17});
}

TEST_CASE("large batches fall into minibatches of 50000 bytes, 64 at most") {
  using Rows = std::vector<size_t>;
  CHECK(minibatch_begins(Rows(30, 50000)) == minibatch_begins(Rows(30, 1000000)));
  CHECK(minibatch_begins(Rows(30, 50000))[29] == 29);
  const auto ten = minibatch_begins(Rows(30, 17000));  // three to a group
  for (size_t row = 0; row < 30; ++row) CHECK(ten[row] == row / 3 * 3);
  CHECK(minibatch_begins(Rows(30, 16665))[29] == 26);     // 49998 bytes are not over 50000: eight
  CHECK(minibatch_begins(Rows(640, 50000))[639] == 630);  // ten to each of 64
}

}  // namespace
