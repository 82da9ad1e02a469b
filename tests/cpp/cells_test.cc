// The fast half of the parser: takes what real writers produce, and agrees with the exact grammar
// about everything.
#include "cells.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "agreement.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

// Writes Examples for the schemas of agreement.h in the styles that real writers have, and worse.
class RandomWriter {
 public:
  explicit RandomWriter(uint64_t seed) : engine_(seed) {}

  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool chance(int percent) { return below(100) < static_cast<size_t>(percent); }

  struct Style {
    bool packed = true;
    bool shuffled = false;
    bool fits = true;       // every column has its kind and number of values
    bool canonical = true;  // one list a feature, no duplicates, minimal lengths
    int missing = 0;        // percent
    int kindless = 0;       // percent of features, as writers leave them that set no kind
    int unwanted = 0;       // percent of features besides those that are wanted
  };

  std::string write(const std::vector<Column>& columns, const Style& style) {
    std::vector<std::string> entries;
    for (const Column& column : columns) {
      if (chance(style.missing)) continue;
      do {
        entries.push_back(entry(column.key, feature(column, style)));
      } while (!style.canonical && chance(5));
      while (chance(style.unwanted)) {
        entries.push_back(entry("other " + std::to_string(below(600)), feature(column, style)));
      }
    }
    if (style.shuffled) std::shuffle(entries.begin(), entries.end(), engine_);
    std::string features;
    for (const std::string& e : entries) features += e;
    return example(features);
  }

  // Anything may happen to the bytes.
  std::string damage(std::string bytes) {
    for (size_t times = 1 + below(4); times != 0 && !bytes.empty(); --times) {
      const size_t at = below(bytes.size());
      switch (below(7)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
          break;
        case 1:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 2:
          bytes.resize(at);
          break;
        case 3:
          bytes.erase(at, 1 + below(3));
          break;
        case 4:
          bytes.insert(at, bytes.substr(below(bytes.size()), below(40)));
          break;
        case 5:
          bytes.insert(at, std::string(1 + below(2), static_cast<char>(below(256))));
          break;
        case 6:
          bytes[at] = static_cast<char>(bytes[at] | 0x80);
          break;  // a varint goes on
      }
    }
    return bytes;
  }

 private:
  std::string feature(const Column& column, const Style& style) {
    Kind kind = column.kind;
    if (!style.fits && chance(5)) kind = static_cast<Kind>(1 + below(3));
    size_t count = column.elements;
    if (column.layout == Layout::kSequence) count *= below(4);
    if (column.layout == Layout::kRagged) count = chance(10) ? below(40) : below(4);
    if (column.layout == Layout::kRaw) count = 1;
    if (!style.fits && chance(5)) count = below(5);
    if (chance(style.fits ? style.kindless : 3)) return "";
    std::string text;
    do {
      text += list(column, kind, count, style);
    } while (!style.canonical && chance(5));
    return text;
  }

  std::string list(const Column& column, Kind kind, size_t count, const Style& style) {
    const bool packed = style.canonical ? style.packed : chance(50);
    std::string items, unpacked;
    for (size_t i = 0; i < count; ++i) {
      std::string item;
      if (kind == Kind::kInt64) {
        item = varint(number(column, style), style);
        unpacked += '\x08' + item;
      } else if (kind == Kind::kFloat) {
        const float value = chance(5) && !style.fits ? 1e30f : static_cast<float>(below(1000)) / 8;
        item.assign(reinterpret_cast<const char*>(&value), sizeof value);
        unpacked += '\x0d' + item;
      } else {
        size_t size = chance(5) ? below(300) : below(6);
        if (column.layout == Layout::kRaw && (style.fits || chance(95))) {
          size = column.elements * size_of(column.type);
        }
        for (size_t k = 0; k < size; ++k) item += static_cast<char>(below(256));
        unpacked += delimited(1, item);
      }
      items += item;
    }
    const bool packs = packed && kind != Kind::kBytes && count != 0;
    return delimited(static_cast<int>(kind), packs ? delimited(1, items) : unpacked);
  }

  uint64_t number(const Column& column, const Style& style) {
    if (style.fits && column.type != Type::kInt64) return below(2);  // fits every type
    const uint64_t bits = engine_();
    return chance(30) ? bits : bits >> below(64);
  }

  std::string varint(uint64_t value, const Style& style) {
    std::string text;
    for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
    text += static_cast<char>(value);
    if (!style.canonical && text.size() < 9 && chance(5)) {  // longer than need be
      text.back() = static_cast<char>(text.back() | 0x80);
      text += '\0';
    }
    return text;
  }

  std::mt19937_64 engine_;
};

constexpr ParseMode kModes[] = {ParseMode::kBatch, ParseMode::kSingle};

// All of them as one batch, and each between two others, of which the finder learns the order.
void check_agreement(const std::shared_ptr<const Schema>& schema,
                     const std::vector<std::string>& records) {
  std::vector<Record> owned;
  for (const std::string& record : records) owned.emplace_back(record);
  std::vector<ByteView> views;
  for (const Record& record : owned) views.push_back(record.view());
  for (const ParseMode mode : kModes) {
    CHECK(disagreement(schema, mode, views) == "");
    for (size_t i = 0; i + 2 < views.size(); ++i) {
      const std::string text = disagreement(schema, mode, {views[i], views[i + 1], views[i + 2]});
      if (text.empty()) continue;
      FAIL_CHECK(text << "\n in " << hex(views[i].text()) << "\n    " << hex(views[i + 1].text())
                      << "\n    " << hex(views[i + 2].text()));
    }
  }
}

}  // namespace

TEST_CASE("what real writers produce takes the fast path") {
  RandomWriter writer(7);
  const auto strict = strict_schema(), lenient = lenient_schema();
  for (const bool packed : {true, false}) {
    for (const bool shuffled : {true, false}) {
      for (const int missing : {0, 30}) {
        for (const int unwanted : {0, 40}) {
          RandomWriter::Style style;
          style.packed = packed;
          style.shuffled = shuffled;
          style.missing = missing;
          style.kindless = missing / 3;
          style.unwanted = unwanted;
          const auto& schema = missing == 0 ? strict : lenient;
          std::vector<std::string> records;
          std::string block;
          for (int i = 0; i < 100; ++i) {
            records.push_back(writer.write(schema->columns(), style));
            block += records.back();
          }
          check_agreement(schema, records);

          block += std::string(kSlop, '\xff');
          std::vector<ByteView> views;
          const auto* at = reinterpret_cast<const uint8_t*>(block.data());
          for (const std::string& record : records) {
            views.push_back({at, record.size()});
            at += record.size();
          }
          Cells cells(schema, ParseMode::kBatch);
          const Cells::RowOf row_of = [](size_t record) {
            return ExactParser::Row{.index = record};
          };
          cells.locate(views, row_of);
          cells.measure();
          CHECK(cells.errors().empty());
          CHECK(cells.slow_records() == 0);
        }
      }
    }
  }
}

TEST_CASE("fast and exact agree on records of every style") {
  RandomWriter writer(11);
  const auto lenient = lenient_schema(), strict = strict_schema();
  for (int round = 0; round < 60; ++round) {
    RandomWriter::Style style;
    style.canonical = round % 3 == 0;
    style.fits = round % 2 == 0;
    style.shuffled = true;
    style.missing = round % 5 == 0 ? 0 : 20;
    style.unwanted = 10;
    for (const auto& schema : {lenient, strict}) {
      std::vector<std::string> records;
      for (int i = 0; i < 12; ++i) records.push_back(writer.write(schema->columns(), style));
      check_agreement(schema, records);
    }
  }
}

TEST_CASE("fast and exact agree on damaged records") {
  RandomWriter writer(13);
  const auto lenient = lenient_schema();
  for (int round = 0; round < 300; ++round) {
    RandomWriter::Style style;
    style.packed = round % 2 == 0;
    style.missing = 60;
    style.unwanted = 10;
    std::vector<std::string> records;
    for (int i = 0; i < 5; ++i) {
      records.push_back(writer.damage(writer.write(lenient->columns(), style)));
      records.push_back(writer.write(lenient->columns(), style));
    }
    check_agreement(lenient, records);
  }
}

TEST_CASE("fast and exact agree whatever a byte is turned into") {
  // Entries of names that nobody looks for, the empty one too, whose lengths take a byte or two.
  for (const size_t size : {size_t{1}, size_t{130}}) {
    const std::string text = bytes_feature({std::string(size, 'x')});
    const std::string good = example(entry("", text) + entry("a", int64_feature({1})) +
                                     entry("other", text) + entry(kLongKey, int64_feature({1})));
    for (const auto& schema : {single_schema(0), single_schema(all_columns().size() - 3)}) {
      for (size_t at = 0; at < good.size(); ++at) {
        if (good[at] == 'x') continue;  // of a value: says nothing
        for (const std::string& bytes : turned(good, at)) {
          const Record changed(bytes), plain(good);
          REQUIRE(disagreement(schema, ParseMode::kBatch, {changed.view()}) == "");
          REQUIRE(disagreement(schema, ParseMode::kBatch,
                               {plain.view(), changed.view(), plain.view()}) == "");
        }
      }
    }
  }
}

TEST_CASE("fast and exact agree on each column alone") {
  RandomWriter writer(17);
  const size_t columns = all_columns().size();
  for (size_t c = 0; c < columns; ++c) {
    const auto schema = single_schema(c);
    for (int round = 0; round < 40; ++round) {
      RandomWriter::Style style;
      style.packed = round % 2 == 0;
      style.canonical = false;
      style.fits = false;
      style.unwanted = 5;
      std::vector<std::string> records;
      for (int i = 0; i < 5; ++i) {
        const std::string record = writer.write(schema->columns(), style);
        records.push_back(record);
        records.push_back(writer.damage(record));
      }
      check_agreement(schema, records);
    }
  }
}

TEST_CASE("records of more than one block") {
  RandomWriter writer(19);
  const auto schema = lenient_schema();
  std::vector<Record> owned;
  for (int i = 0; i < 400; ++i) {
    std::string record = writer.write(schema->columns(), {.missing = 30});
    if (i % 7 == 0) record = example(entry("i", bytes_feature({std::string(200'000, 'x')})));
    owned.emplace_back(record);
  }
  std::vector<ByteView> views;
  for (const Record& record : owned) views.push_back(record.view());
  for (const ParseMode mode : kModes) CHECK(disagreement(schema, mode, views) == "");
  views[390] = {views[391].data, 3};  // cut
  for (const ParseMode mode : kModes) CHECK(disagreement(schema, mode, views) == "");
}
