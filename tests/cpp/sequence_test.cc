// Batches of SequenceExamples against what TensorFlow was seen to do; and the fast half against the
// exact one, about all of these too.
#include "sequence.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "examples.h"
#include "sequence_agreement.h"

using headrace::ByteView;
using headrace::Column;
using headrace::Kind;
using headrace::Layout;
using headrace::ParseError;
using headrace::Schema;
using headrace::SequenceBatch;
using headrace::SequenceColumn;
using namespace headrace::testing;

namespace {

// --- Writing ---

std::string context(const std::string& entries) { return delimited(1, entries); }
std::string lists(const std::string& entries) { return delimited(2, entries); }
std::string rows(const std::vector<std::string>& features) {
  std::string list;
  for (const std::string& feature : features) list += delimited(1, feature);
  return list;
}

// --- Reading ---

struct Wanted {
  std::vector<Column> context, lists;
};

headrace::SequenceSchema schema_of(const Wanted& wanted) {
  return {std::make_shared<Schema>(wanted.context), std::make_shared<Schema>(wanted.lists)};
}

std::string values_text(const Column& column, const SequenceColumn& values) {
  std::string text;
  const auto add = [&](const std::string& value) {
    if (!text.empty()) text += ',';
    text += value;
  };
  for (const int64_t value : values.int64s) add(std::to_string(value));
  for (const float value : values.floats) {
    add(hex({reinterpret_cast<const char*>(&value), sizeof value}));
  }
  for (const ByteView value : values.strings) add('\'' + std::string(value.text()) + '\'');
  text.insert(0, column.key + ':');
  const auto add_sizes = [&](const char* name, const std::vector<int64_t>& sizes) {
    if (sizes.empty()) return;
    text += name;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (i > 0) text += ',';
      text += std::to_string(sizes[i]);
    }
  };
  add_sizes(" counts ", values.counts);
  add_sizes(" rows ", values.rows);
  return text;
}

// Whether the fast half takes them; it must read what the exact one reads.
bool takes(const Wanted& wanted, const std::vector<ByteView>& records) {
  bool taken = false;
  CHECK(sequence_disagreement(records, schema_of(wanted), taken) == "");
  return taken;
}

// Values of all columns, or the text of the error.
std::string parse(const Wanted& wanted, const std::vector<ByteView>& records,
                  const std::vector<std::string_view>& names = {}, ParseError* error = nullptr) {
  takes(wanted, records);
  const headrace::SequenceSchema schema = schema_of(wanted);
  SequenceBatch batch;
  ParseError unused;
  ParseError& reported = error ? *error : unused;
  if (!parse_sequences_exactly(records, names, schema, batch, reported)) return reported.text;
  std::string text;
  for (size_t i = 0; i < wanted.context.size(); ++i) {
    text += (text.empty() ? "" : "; ") + values_text(wanted.context[i], batch.context[i]);
  }
  for (size_t i = 0; i < wanted.lists.size(); ++i) {
    text += (text.empty() ? "" : "; ") + values_text(wanted.lists[i], batch.lists[i]);
  }
  return text;
}

std::string parse(const Wanted& wanted, const std::vector<std::string>& bytes,
                  const std::vector<std::string_view>& names = {}, ParseError* error = nullptr) {
  std::vector<Record> records(bytes.begin(), bytes.end());
  std::vector<ByteView> views;
  for (const Record& record : records) views.push_back(record.view());
  return parse(wanted, views, names, error);
}

Column fixed(const std::string& key, Kind kind = Kind::kInt64, std::vector<int64_t> shape = {}) {
  return column(key, kind, Layout::kFixed, std::move(shape));
}
Column ragged(const std::string& key, Kind kind = Kind::kInt64) {
  return column(key, kind, Layout::kRagged);
}
Column sequence(const std::string& key, Kind kind = Kind::kInt64, std::vector<int64_t> shape = {}) {
  return column(key, kind, Layout::kSequence, std::move(shape));
}

const std::string kTwo = int64_feature({2}), kThree = int64_feature({3});

// --- Values ---

TEST_CASE("context and lists of a batch, sequences padded to the longest") {
  const Wanted wanted{{fixed("c"), ragged("s", Kind::kBytes)},
                      {sequence("f"), ragged("r", Kind::kFloat), sequence("t", Kind::kBytes, {2})}};
  const std::string first =
      context(entry("c", int64_feature({7})) + entry("s", bytes_feature({"x", ""}))) +
      lists(entry("f", rows({int64_feature({1}), kTwo, kThree})) +
            entry("r", rows({float_feature({1.5f}), float_feature({})})) +
            entry("t", rows({bytes_feature({"p", "q"})})));
  const std::string second = context(entry("c", int64_feature({8}))) +
                             lists(entry("f", rows({int64_feature({4})})) + entry("t", rows({})));
  CHECK(parse(wanted, std::vector{first, second}) ==
        "c:7,8; s:'x','' counts 2,0; f:1,2,3,4,0,0 rows 3,1; r:0000c03f counts 1,0 rows 2,0; "
        "t:'p','q','','' rows 1,0");
}

TEST_CASE("an empty batch") {
  const std::vector<std::string> none;
  CHECK(parse({{ragged("s")}, {sequence("f"), ragged("r")}}, none) == "s:; f:; r:");
  CHECK(parse({{fixed("c")}, {}}, none) ==
        "Inconsistent max number of elements for feature c: expected 1, but found 0");
  CHECK(parse({{with_default(fixed("c"))}, {}}, none) == "c:");
}

TEST_CASE("the last of equal keys wins, also an empty one") {
  const std::string pair = entry("c", kTwo) + entry("c", kThree);
  CHECK(parse({{fixed("c")}, {}}, std::vector{context(pair)}) == "c:3");
  CHECK(parse({{fixed("c")}, {}},
              std::vector{context(entry("c", kTwo)) + context(entry("c", kThree))}) == "c:3");
  CHECK(parse({{ragged("c")}, {}}, std::vector{context(pair + entry("c", ""))}) == "c: counts 0");
  CHECK(parse({{fixed("c")}, {}}, std::vector{context(pair + entry("c", ""))}) ==
        "Inconsistent max number of elements for feature c: expected 1, but found 0");
  const std::string list = entry("f", rows({kTwo})) + entry("f", rows({kTwo, kThree}));
  CHECK(parse({{}, {sequence("f")}}, std::vector{lists(list)}) == "f:2,3 rows 2");
}

TEST_CASE("defaults stand for absent context features only") {
  const Wanted wanted{
      {with_default(fixed("c", Kind::kFloat, {2})), with_default(fixed("s", Kind::kBytes))}, {}};
  CHECK(parse(wanted, std::vector<std::string>{context(entry("c", float_feature({1.5f, 1.5f})) +
                                                       entry("s", bytes_feature({"x"}))),
                                               ""}) ==
        "c:0000c03f,0000c03f,01010101,01010101; s:'x','default'");
  CHECK(parse({{with_default(fixed("c"))}, {}}, std::vector{context(entry("c", ""))}) ==
        "Unexpected number of elements in example <unknown>");
}

TEST_CASE("lists unpacked, of two blocks, and of two kinds") {
  const std::string unpacked = delimited(3, "\x08\x01\x08\x02");
  const std::string blocks = delimited(3, delimited(1, "\x01") + delimited(1, "\x02"));
  const auto of_context = [](const std::string& feature) {
    return parse({{ragged("c")}, {}}, std::vector{context(entry("c", feature))});
  };
  CHECK(of_context(unpacked) == "c:1,2 counts 2");
  CHECK(of_context(blocks) == "c:1 counts 1");
  CHECK(of_context(kTwo + float_feature({1})) == "c:2 counts 1");
  CHECK(of_context(delimited(3, "")) == "c: counts 0");
}

TEST_CASE("rows without values") {
  const Wanted wanted{{}, {ragged("f")}};
  const auto of_list = [&](const std::string& list) {
    return parse(wanted, std::vector{lists(entry("f", list))});
  };
  CHECK(of_list("") == "f: rows 0");
  CHECK(of_list(rows({int64_feature({1, 2}), "", kThree})) == "f:1,2,3 counts 2,0,1 rows 3");
  CHECK(of_list(rows({delimited(3, ""), kTwo})) == "f:2 counts 0,1 rows 2");
  // A list of no bytes whose length is padded goes beyond its row.
  CHECK(of_list("\x0a\x02\x1a\x80" + std::string("\0", 1) + rows({kTwo})) ==
        "f:2 counts 0,1 rows 2");
}

TEST_CASE("what follows a list inside its row is the next row") {
  const auto of_list = [&](const std::string& list) {
    return parse({{}, {ragged("f")}}, std::vector{lists(entry("f", list))});
  };
  CHECK(of_list(delimited(1, kTwo + delimited(1, kThree))) == "f:2,3 counts 1,1 rows 2");
  CHECK(of_list(delimited(1, kTwo + float_feature({1}))) ==
        "Error in sequence feature f in example <unknown>");
}

// --- Errors ---

TEST_CASE("malformed messages") {
  const std::string good = context(entry("c", kTwo));
  const Wanted wanted{{fixed("c")}, {}};
  const std::string swapped = context(delimited(1, delimited(2, kTwo) + delimited(1, "c")));
  const std::string unframed[] = {
      swapped,
      context(delimited(1, delimited(1, "c"))),
      context(delimited(1, delimited(1, "c") + delimited(2, kTwo) + delimited(3, ""))),
      context(delimited(2, delimited(1, "c") + delimited(2, kTwo))),
      lists(delimited(1, delimited(1, "f") + "\x12\x7f")),
      "\x0a",
      "\x0b",
  };
  for (const std::string& bytes : unframed) {
    ParseError error;
    CHECK(parse(wanted, std::vector{good, bytes}, {"first", "second"}, &error) ==
          "Invalid protocol message input, example id: second");
    CHECK(error.row == 1);
    CHECK(parse(wanted, std::vector{bytes}) ==
          "Invalid protocol message input, example id: <unknown>");
  }
  CHECK(parse(wanted, std::vector{good + delimited(9, "unknown") + "\x48\x01"}) == "c:2");
}

TEST_CASE("numbers of values in the context") {
  const Wanted wanted{{fixed("c", Kind::kInt64, {2})}, {}};
  const std::string two = context(entry("c", int64_feature({1, 2})));
  ParseError error;
  CHECK(parse(wanted, std::vector{two, context(entry("c", int64_feature({1, 2, 3})))}) ==
        "Inconsistent max number of elements for feature c: expected 2, but found 3");
  CHECK(parse(wanted, std::vector{two, context(entry("c", kTwo))}, {"a", "b"}, &error) ==
        "Unexpected number of elements in example b");
  CHECK(error.row == 1);
  CHECK(parse(wanted, std::vector{two, std::string()}) ==
        "Feature: c (data type: int64) is required but could not be found.");
  CHECK(parse(wanted, std::vector{std::string()}) ==
        "Inconsistent max number of elements for feature c: expected 2, but found 0");
}

TEST_CASE("numbers of rows and values in lists") {
  const Wanted wanted{{}, {sequence("f", Kind::kInt64, {2})}};
  const auto of_rows = [&](const std::vector<std::string>& features) {
    return parse(wanted, std::vector{lists(entry("f", rows(features)))}, {"n"});
  };
  CHECK(of_rows({int64_feature({1, 2}), kThree}) ==
        "Feature list 'f' has an unexpected number of values.  Total values size: 3 is not "
        "consistent with output shape: [?,2]");
  CHECK(of_rows({int64_feature({1, 2, 3}), kThree}) ==
        "Name: n, Key: f, Index: 0.  Number of values != expected.  values size: 3 but output "
        "shape: [2]");
  CHECK(of_rows({int64_feature({1, 2}), "", int64_feature({1, 2})}) ==
        "Name: n, Key: f, Index: 1.  Number of values != expected.  values size: 0 but output "
        "shape: [2]");
  CHECK(parse({{}, {sequence("f", Kind::kInt64, {0})}}, std::vector{lists(entry("f", ""))}) ==
        "Feature list 'f' has an unexpected number of values.  Total values size: 0 is not "
        "consistent with output shape: [?,0]");
}

TEST_CASE("a sequence is required unless it has a default") {
  CHECK(parse({{}, {sequence("f")}}, std::vector{lists(entry("f", rows({kTwo}))), std::string()},
              {"x", "y"}) ==
        "Name: y, Feature list 'f' is required but could not be found.  Did you mean to include it "
        "in feature_list_dense_missing_assumed_empty or feature_list_dense_defaults?");
  CHECK(parse({{}, {with_default(sequence("f"))}},
              std::vector{lists(entry("f", rows({kTwo}))), std::string()}) == "f:2,0 rows 1,0");
  CHECK(parse({{}, {ragged("f")}}, std::vector{std::string()}) == "f: rows 0");
}

TEST_CASE("features of another kind, also empty ones, and malformed lists") {
  const std::string cut = delimited(3, delimited(1, "\x80"));
  for (const std::string& feature : {float_feature({1}), delimited(2, ""), cut}) {
    CHECK(parse({{ragged("c")}, {}}, std::vector{context(entry("c", feature))}) ==
          "Name: <unknown>, Context feature: c.  Data types don't match. Expected type: int64");
    CHECK(parse({{}, {sequence("f")}}, std::vector{lists(entry("f", rows({kTwo, feature})))}) ==
          "Name: <unknown>, Feature list: f, Index: 1.  Data types don't match. Expected type: "
          "int64");
  }
  CHECK(
      parse({{}, {ragged("f", Kind::kFloat)}},
            std::vector{lists(entry("f", rows({delimited(2, delimited(1, "12345"))})))}) ==
      "Name: <unknown>, Feature list: f, Index: 0.  Data types don't match. Expected type: float");
  CHECK(parse({{}, {ragged("f")}}, std::vector{lists(entry("f", rows({"\x1a"})))}) ==
        "Error in sequence feature f in example <unknown>");
  CHECK(parse({{}, {ragged("f")}}, std::vector{lists(entry("f", "\x12"))}) ==
        "Error in sequence feature f in example <unknown>");
}

TEST_CASE("a bytes value cut by its list is found when the values are read") {
  const std::string cut = "\x0a\x03\x0a\x05x";
  CHECK(parse({{fixed("c", Kind::kBytes)}, {}}, std::vector{context(entry("c", cut))}) ==
        "Unexpected number of elements in example <unknown>");
  CHECK(parse({{ragged("c", Kind::kBytes)}, {}}, std::vector{context(entry("c", cut))}) ==
        "Unexpected total number of elements in feature c");
  CHECK(parse({{}, {sequence("f", Kind::kBytes)}}, std::vector{lists(entry("f", rows({cut})))}) ==
        "Error in sequence feature f in example <unknown>");
  CHECK(parse({{}, {ragged("f", Kind::kBytes)}}, std::vector{lists(entry("f", rows({cut})))}) ==
        "Unexpected number of elements for feature f");
}

TEST_CASE("messages are checked before values, values before numbers of them") {
  const Wanted wanted{{fixed("c"), ragged("d")}, {sequence("f")}};
  const std::string no_c = "", bad_d = context(entry("d", float_feature({1})));
  const std::string bad_f = lists(entry("f", "\x12")), malformed = "\x0a";
  CHECK(parse(wanted, std::vector{no_c, bad_f, bad_d, malformed}).starts_with("Invalid protocol"));
  CHECK(parse(wanted, std::vector{no_c, bad_f, bad_d}).starts_with("Name: <unknown>, Context"));
  CHECK(parse(wanted, std::vector{no_c, bad_f}).starts_with("Error in sequence feature f"));
  CHECK(parse(wanted, std::vector{no_c}).starts_with("Inconsistent max"));
}

TEST_CASE("what lies behind the end of a record changes nothing, wherever it is cut or damaged") {
  const Wanted wanted{{with_default(fixed("c")), ragged("s", Kind::kBytes)},
                      {with_default(sequence("f", Kind::kFloat)), ragged("r", Kind::kBytes)}};
  const std::string good =
      context(entry("c", int64_feature({7})) + entry("s", bytes_feature({"x", "yz"}))) +
      lists(entry("f", rows({float_feature({1}), float_feature({2})})) +
            entry("r", rows({bytes_feature({"abc"}), ""})));
  REQUIRE(parse(wanted, std::vector{good}).starts_with("c:7;"));
  for (size_t at = 0; at < good.size(); ++at) {
    for (const uint8_t mask : {0x00, 0x01, 0x02, 0x08, 0x10, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ mask);
      for (const size_t size : {at + 1, bytes.size()}) {
        const Record longer(bytes.substr(0, size) + good);
        REQUIRE(parse(wanted, std::vector{ByteView{longer.view().data, size}}) ==
                parse(wanted, std::vector{bytes.substr(0, size)}));
      }
    }
  }
}

// --- The fast half ---

const Wanted kAll{{with_default(fixed("c")), with_default(fixed("d", Kind::kFloat, {2})),
                   ragged("e"), with_default(fixed("s", Kind::kBytes)), ragged("t", Kind::kBytes)},
                  {sequence("f", Kind::kFloat, {3}), sequence("i"),
                   sequence("p", Kind::kInt64, {2}), with_default(sequence("b", Kind::kBytes)),
                   ragged("r", Kind::kFloat), ragged("j"), ragged("u", Kind::kBytes)}};

// Row `i` of a list as any writer has it: few values or many, short or long, packed or not.
std::string row_of(const Column& column, size_t i) {
  const bool ragged = column.layout == Layout::kRagged;
  const size_t n = ragged ? i % 4 * (i % 3 == 0 ? 30 : 1) : column.elements;
  if (ragged && n == 0) return i % 8 == 0 ? "" : delimited(static_cast<int>(column.kind), "");
  if (column.kind == Kind::kFloat) return float_feature(std::vector<float>(n, 0.5f * float(i)));
  if (column.kind == Kind::kBytes) {
    return bytes_feature(std::vector<std::string>(n, std::string(i % 5 == 0 ? 200 : i % 7, 'v')));
  }
  std::string packed, unpacked;
  for (size_t k = 0; k < n; ++k) {
    const std::string value = k % 2 == 0 ? "\x07" : "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    packed += value;
    unpacked += '\x08' + value;
  }
  return delimited(3, i % 3 == 0 ? unpacked : delimited(1, packed));
}

std::string record_of(size_t rows_of_each, size_t from) {
  std::string map;
  for (const Column& column : kAll.lists) {
    std::vector<std::string> features;
    for (size_t i = 0; i < rows_of_each; ++i) features.push_back(row_of(column, from + i));
    map += entry(column.key, rows(features));
  }
  return context(entry("c", int64_feature({7})) + entry("other", kTwo) +
                 entry("d", float_feature({1, 2})) + entry("e", int64_feature({1, 2, 3})) +
                 entry("s", bytes_feature({"x"})) + entry("t", bytes_feature({"y", "zz"}))) +
         lists(map);
}

TEST_CASE("what real writers produce takes the fast path, whatever is missing or longer") {
  std::vector<Record> records;
  for (const size_t n : {1, 0, 5, 40, 7}) records.emplace_back(record_of(n, 3 * n));
  records.emplace_back(lists(entry("f", "") + entry("i", "") + entry("p", "")));
  for (size_t n = 1; n <= records.size(); ++n) {
    for (size_t from = 0; from + n <= records.size(); ++from) {
      std::vector<ByteView> views;
      for (size_t i = from; i < from + n; ++i) views.push_back(records[i].view());
      CHECK(takes(kAll, views));
    }
  }
}

TEST_CASE("defaults may take more than all that came in") {
  const Wanted wanted{{with_default(fixed("d", Kind::kFloat, {500})), with_default(fixed("c")),
                       with_default(fixed("s", Kind::kBytes, {30}))},
                      {with_default(sequence("f"))}};
  const std::vector<Record> records(100, Record(""));
  std::vector<ByteView> views;
  for (const Record& record : records) views.push_back(record.view());
  CHECK(takes(wanted, views));
}

TEST_CASE("records that lie behind one another are read where they are") {
  std::string bytes;
  std::vector<size_t> ends{0};
  for (size_t n = 0; n < 20; ++n) {
    bytes += record_of(n % 4, n);
    ends.push_back(bytes.size());
  }
  const Record all(bytes);
  std::vector<ByteView> views;
  for (size_t i = 0; i + 1 < ends.size(); ++i) {
    views.push_back({all.view().data + ends[i], ends[i + 1] - ends[i]});
  }
  CHECK(takes(kAll, views));
}

TEST_CASE("fast and exact agree whatever a byte is turned into") {
  const headrace::SequenceSchema schema = schema_of(kAll);
  const std::string good = record_of(3, 1);
  const Record plain(good);
  size_t accepted = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    if (good[at] == 'v') continue;  // of a value: says nothing
    for (const std::string& bytes : turned(good, at)) {
      const Record changed(bytes);
      bool taken = false;
      REQUIRE(sequence_disagreement(std::vector{changed.view(), plain.view()}, schema, taken) ==
              "");
      accepted += taken;
    }
  }
  CHECK(accepted > good.size());  // values may be anything
}

TEST_CASE("what the fast half refuses") {
  const Wanted wanted{{ragged("c")}, {ragged("f")}};
  const auto taken = [&](const std::string& bytes) {
    const Record record(bytes);
    return takes(wanted, {record.view()});
  };
  const std::string c = entry("c", kTwo), f = entry("f", rows({kTwo, kThree}));
  CHECK(taken(context(c) + lists(f)));
  CHECK(taken(lists(f)));
  CHECK(taken(""));
  CHECK_FALSE(taken(lists(f) + context(c)));
  CHECK_FALSE(taken(context(c + c)));
  CHECK_FALSE(taken(context(c) + context("")));
  CHECK_FALSE(taken(context(c) + delimited(9, "unknown")));
  CHECK_FALSE(taken(lists(f + f)));
  CHECK_FALSE(taken(context(entry("c", float_feature({1})))));
  CHECK_FALSE(taken(lists(entry("f", rows({kTwo, float_feature({1})})))));
  CHECK_FALSE(
      taken(lists(entry("f", rows({delimited(3, delimited(1, "\x01") + delimited(1, "\x02"))})))));
  CHECK_FALSE(takes(wanted, {}));
}

}  // namespace
