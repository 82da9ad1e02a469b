// Large records of which only the ends are read at first.
#include "outline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "agreement.h"
#include "cells.h"
#include "files.h"
#include "recipes.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

class Chance {
 public:
  explicit Chance(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  std::string bytes(size_t n) {
    std::string text(n, '\0');
    for (char& c : text) c = static_cast<char>(engine_());
    return text;
  }
  template <class Values>
  void shuffle(Values& values) {
    std::shuffle(values.begin(), values.end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

// Walks a file by the ends of its records.
struct Walked {
  explicit Walked(const std::string& file, uint64_t offset = 0, uint64_t limit = UINT64_MAX)
      : source(file) {
    piece.offset = offset;
    piece.reserve(file.size() + 64, 0);
    std::fill_n(piece.memory.data(), piece.memory.capacity(), kUntouched);
    walk = walk_ends(source, piece, offset, limit, records);
  }

  static constexpr uint8_t kUntouched = 0xee;
  LentBytes source;
  Piece piece;
  std::vector<ByteView> records;
  Walk walk;

  std::vector<Outline::Origin> origins(const Source& of) const {
    std::vector<Outline::Origin> found;
    for (const ByteView& record : records) {
      const auto at = static_cast<uint64_t>(record.data - piece.bytes.data);
      found.push_back({&of, nullptr, piece.offset + at});
    }
    return found;
  }
};

uint8_t* writable(const uint8_t* bytes) { return const_cast<uint8_t*>(bytes); }

}  // namespace

TEST_CASE("a walk by the ends reads them, what stands between them, and nothing else") {
  Chance chance(3);
  for (int round = 0; round < 30; ++round) {
    Records records;
    for (size_t i = 1 + chance.below(9); i != 0; --i) {
      records.push_back(std::string(chance.below(3) == 0 ? chance.below(3000) : 9000, 'a'));
    }
    const std::string file = framed(records);
    const uint64_t limit = 1 + chance.below(file.size());
    const Walked walked(file, 0, limit);
    REQUIRE(walked.piece.bytes.size == 0);
    uint64_t at = 0;
    for (size_t i = 0; i < walked.records.size(); ++i) {
      const ByteView record = walked.records[i];
      REQUIRE(record.size == records[i].size());
      const auto* const begin = reinterpret_cast<const uint8_t*>(file.data()) + at;
      REQUIRE(record.data == walked.piece.bytes.data + at + kHeaderSize);
      const size_t end = std::min<size_t>(record.size, kEndSize);
      CHECK(std::equal(begin, begin + kHeaderSize + end, record.data - kHeaderSize));
      CHECK(std::equal(record.data + record.size - end, record.data + record.size + kFooterSize,
                       begin + kHeaderSize + record.size - end));
      if (record.size > 2 * kEndSize) {
        CHECK(std::all_of(record.data + kEndSize, record.data + record.size - kEndSize,
                          [](uint8_t byte) { return byte == Walked::kUntouched; }));
      }
      at += kHeaderSize + record.size + kFooterSize;
    }
    CHECK(at == walked.walk.next);
    CHECK(at >= limit);
    CHECK((walked.walk.stop == Stop::kEnd) == (at == file.size()));
  }
}

TEST_CASE("a walk by the ends of records that are small or damaged is one of whole records") {
  const std::string small = framed(Records(100, "small"));
  CHECK(Walked(small).records.size() == 100);
  const std::string file = framed(Records(3, std::string(5000, 'a')));
  const Walked damaged(flipped(file, 5016 + 3));
  CHECK(damaged.records.size() == 1);
  CHECK(damaged.walk.stop == Stop::kBadLength);
  const Walked torn(file.substr(0, 2 * 5016 + 700));
  CHECK(torn.records.size() == 2);
  CHECK(torn.walk.stop == Stop::kTornRecord);
}

namespace {

std::vector<Column> columns_with_large_values() {
  return {
      column("number", Kind::kInt64, Layout::kFixed),
      column("image", Kind::kBytes, Layout::kFixed),
      raw("pixels", Type::kUInt16, false, {3000}),
      raw("swapped", Type::kUInt16, true, {3000}),
      column("floats", Kind::kFloat, Layout::kFixed, {1500}),
      column("ragged", Kind::kFloat, Layout::kRagged),
      column("strings", Kind::kBytes, Layout::kRagged),
      column("sequence", Kind::kBytes, Layout::kSequence),
      column("list", Kind::kInt64, Layout::kRagged),
  };
}

// An entry of a feature as its column wants it, large or small.
std::string entry_of(const Column& column, bool large, Chance& chance) {
  const size_t size = large ? 2500 + chance.below(9000) : chance.below(40);
  std::string feature;
  if (column.layout == Layout::kRaw) {
    feature = bytes_feature({chance.bytes(6000)});
  } else if (column.kind == Kind::kBytes) {
    feature = bytes_feature({chance.bytes(size)});
    if (chance.below(9) == 0 && column.layout == Layout::kRagged) {
      feature = bytes_feature({chance.bytes(size), chance.bytes(3)});
    }
  } else if (column.kind == Kind::kFloat) {
    feature = float_feature(
        std::vector<float>(column.layout == Layout::kFixed ? column.elements : size / 4, 1.5F));
  } else {
    feature = int64_feature({static_cast<uint8_t>(chance.below(128))});
  }
  return entry(column.key, feature);
}

// One large value as a rule, among others; sometimes one is missing that must not be.
std::string large_record(const std::vector<Column>& columns, Chance& chance) {
  std::vector<std::string> entries;
  const size_t large = chance.below(columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    if (chance.below(40) == 0) continue;
    entries.push_back(entry_of(columns[c], c == large, chance));
  }
  if (chance.below(4) == 0) {
    entries.push_back(entry("unwanted", bytes_feature({chance.bytes(chance.below(5000))})));
  }
  if (chance.below(2) == 0) chance.shuffle(entries);
  std::string text;
  for (const std::string& e : entries) text += e;
  return example(text);
}

// What might stand in the memory between the ends: the worst is what looks as if it belonged there.
std::string trap(size_t size, const std::vector<Column>& columns, Chance& chance) {
  std::string text;
  switch (chance.below(4)) {
    case 0:
      return std::string(size, '\0');
    case 1:
      return chance.bytes(size);
    case 2:
      while (text.size() < size) text += large_record(columns, chance);
      break;
    default:
      while (text.size() < size) {
        text += entry_of(columns[chance.below(columns.size())], chance.below(2) == 0, chance);
      }
  }
  return text.substr(text.size() - size);
}

Values all_values(Batch& batch) {
  Values all;
  for (size_t c = 0; c < batch.layout().columns().size(); ++c) {
    for (size_t row = 0; row < batch.rows(); ++row) {
      const Values values = batch_values(batch, c, row);
      all.push_back(std::to_string(values.size()));
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

void fill(Batch& batch, Cells& cells, size_t n) {
  batch.open();
  batch.set_rows(n);
  std::vector<Batch::Places> places(cells.columns());
  for (size_t c = 0; c < cells.columns(); ++c) {
    if (!BatchLayout::grows(batch.layout().columns()[c])) continue;
    places[c] = batch.reserve(c, cells.amount(c, 0, n), n);
  }
  batch.store(cells, 0, n, 0, places);
  batch.finish();
}

}  // namespace

TEST_CASE("what the ends say is true, whatever stands between them, or they say nothing") {
  Chance chance(5);
  size_t said = 0, silent = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<Column> columns = columns_with_large_values();
    chance.shuffle(columns);
    columns.resize(1 + chance.below(4));
    const auto schema = std::make_shared<const Schema>(columns);
    std::vector<Column> written = columns_with_large_values();
    if (chance.below(2) == 0) written = columns;
    Records records;
    for (size_t i = 1 + chance.below(3); i != 0; --i) {
      records.push_back(large_record(written, chance));
    }
    Walked walked(framed(records));
    if (walked.piece.bytes.size != 0) continue;
    for (const ByteView& record : walked.records) {
      if (record.size <= 2 * kEndSize) continue;
      const std::string bytes = trap(record.size - 2 * kEndSize, written, chance);
      std::copy(bytes.begin(), bytes.end(), writable(record.data) + kEndSize);
    }
    const Cells::RowOf row_of = [](size_t record) { return ExactParser::Row{.index = record}; };
    Cells cells(schema, ParseMode::kBatch);
    cells.locate(walked.records, row_of);
    cells.measure();
    Stopwatch watch;
    Lap lap(watch);
    Outline outline(/*verify=*/true, /*may_map=*/true);
    const auto origins = walked.origins(walked.source);
    outline.open(origins, walked.records, lap);
    if (!cells.bring_from(outline, kEndSize)) {
      ++silent;
      CHECK(cells.slow_records() == 0);
      continue;
    }
    ++said;
    std::vector<ByteView> views;
    std::vector<Record> owned;
    for (const std::string& record : records) owned.emplace_back(record);
    for (const Record& record : owned) views.push_back(record.view());
    std::optional<ParseFailure> failure;
    const auto expected = parse(views, {}, schema, ParseMode::kBatch, failure);
    REQUIRE(expected);
    const auto layout = std::make_shared<BatchLayout>(columns, records.size(), /*pad=*/true);
    Batch batch(layout);
    fill(batch, cells, records.size());
    CHECK(outline.unsound() == Outline::kNone);
    CHECK((all_values(batch) == all_values(*expected)));
  }
  CHECK(said > 500);
  CHECK(silent > 500);
}

namespace {

// Brings everything but the first and the last hundred bytes of each record.
struct Bringer {
  explicit Bringer(bool verify = true, bool may_map = true) : outline(verify, may_map) {}

  Stopwatch watch;
  Lap lap{watch};
  Outline outline;
  bool far = false;

  Records bring(const Source& source, const Walked& walked) {
    const auto origins = walked.origins(source);
    outline.open(origins, walked.records, lap);
    Records found;
    for (size_t i = 0; i < walked.records.size(); ++i) {
      const ByteView record = walked.records[i];
      std::string value(record.size - 200, '\0');
      auto* const to = reinterpret_cast<uint8_t*>(value.data());
      outline.bring(i, record.data + 100, value.size(), to, far);
      found.push_back(value);
    }
    return found;
  }

  static Records expected(const Records& records) {
    Records values;
    for (const std::string& record : records) {
      values.push_back(record.substr(100, record.size() - 200));
    }
    return values;
  }
};

}  // namespace

TEST_CASE("values are brought whole and checked") {
  Chance chance(9);
  constexpr size_t kSize = 700'000, kFrame = kHeaderSize + kFooterSize;
  const Records records = {chance.bytes(kSize), chance.bytes(3000), chance.bytes(kSize + 1)};
  const std::string file = framed(records);
  const std::vector<uint64_t> begins = {0, kSize + kFrame, kSize + 3000 + 2 * kFrame};
  Bringer bringer, trusting(/*verify=*/false);
  const Outline& outline = bringer.outline;

  const Walked walked(file);
  REQUIRE(walked.records.size() == 3);
  CHECK((bringer.bring(walked.source, walked) == Bringer::expected(records)));
  CHECK(outline.unsound() == Outline::kNone);
  CHECK(outline.bytes_read() >= file.size() - 3 * 200);

  for (const size_t record : {size_t{0}, size_t{1}, size_t{2}}) {
    const size_t size = records[record].size();
    for (const size_t place : {size_t{0}, size_t{99}, size_t{100}, size / 2, size - 101, size - 100,
                               size - 1, size, size + 3}) {
      const Walked damaged(flipped(file, begins[record] + kHeaderSize + place));
      bringer.bring(damaged.source, damaged);
      CHECK(outline.unsound() == record);
      trusting.bring(damaged.source, damaged);
      CHECK(trusting.outline.unsound() == Outline::kNone);
    }
  }
  const LentBytes shrunk(file.substr(0, begins[2] + 400'000));
  for (Bringer* const any : {&bringer, &trusting}) {
    any->bring(shrunk, walked);
    CHECK(any->outline.unsound() == 2);
  }
}

namespace {

// Counts what is read of a file.
class Counted final : public Source {
 public:
  explicit Counted(const std::string& path) : Counted(open_local(path)) {}

  void fetch(Piece& piece, uint64_t offset, uint64_t n) const override {
    file_->fetch(piece, offset, n);
  }
  size_t read(uint64_t offset, uint8_t* out, size_t n) const override {
    ++reads;
    return file_->read(offset, out, n);
  }
  bool cold() const override { return is_cold; }
  FileView view() const override { return file_->view(); }

  mutable int reads = 0;
  bool is_cold = false;

 private:
  explicit Counted(std::unique_ptr<Source> file)
      : Source(file->path(), file->size()), file_(std::move(file)) {}
  std::unique_ptr<Source> file_;
};

}  // namespace

TEST_CASE("values of a file that is in memory are not read, those of a cold one are") {
  if (!can_copy_mapped()) return;
  Chance chance(12);
  const Records records = {chance.bytes(200'000), chance.bytes(300'000)};
  const Walked walked(framed(records));
  const Folder folder;
  Counted source(folder.write("file", records));
  Bringer bringer, reading(/*verify=*/true, /*may_map=*/false);
  CHECK((bringer.bring(source, walked) == Bringer::expected(records)));
  CHECK(source.reads == 0);
  reading.bring(source, walked);
  CHECK(source.reads != 0);
  source.reads = 0;
  source.is_cold = true;
  CHECK((bringer.bring(source, walked) == Bringer::expected(records)));
  CHECK(source.reads != 0);
}

TEST_CASE("values of a file are brought from where the system has it, or read, alike") {
  Chance chance(10);
  Records records;
  for (int i = 0; i < 60; ++i) records.push_back(chance.bytes(100'000 + chance.below(100'000)));
  const std::string file = framed(records);
  const Folder folder;
  const Walked walked(file);
  for (const bool verify : {true, false}) {
    for (const bool may_map : {true, false}) {
      for (const bool far : {true, false}) {
        const auto source = open_local(folder.write("file", file));
        Bringer bringer(verify, may_map);
        bringer.far = far;
        CHECK((bringer.bring(*source, walked) == Bringer::expected(records)));
        CHECK(bringer.outline.unsound() == Outline::kNone);
      }
    }
  }
  const uint64_t last = file.size() - records.back().size() - kFooterSize;
  const auto damaged = open_local(folder.write("damaged", flipped(file, last + 5000)));
  Bringer bringer;
  bringer.bring(*damaged, walked);
  CHECK(bringer.outline.unsound() == 59);
}

TEST_CASE("a file that is cut before its values are brought is no crash, but an unsound record") {
  Chance chance(11);
  const Records records = {chance.bytes(200'000), chance.bytes(300'000)};
  const std::string file = framed(records);
  const uint64_t second = 200'000 + kHeaderSize + kFooterSize + kHeaderSize;
  const Walked walked(file);
  const Folder folder;
  // At the beginnings of pages and elsewhere; the last two within the value's last page, if it has
  // some of it.
  for (const uint64_t left : {second + 100, second + 5000, uint64_t{53 * 4096}, uint64_t{400'000},
                              second + 299'800, second + 299'899}) {
    for (const bool verify : {true, false}) {
      for (const bool before : {true, false}) {
        const std::string path = folder.write("file", file);
        const auto source = open_local(path);
        Bringer bringer(verify);
        if (before) {  // it is mapped when it is cut
          bringer.bring(*source, walked);
          REQUIRE(bringer.outline.unsound() == Outline::kNone);
        }
        std::filesystem::resize_file(path, left);
        CAPTURE(left);
        CHECK(bringer.bring(*source, walked)[0] == Bringer::expected(records)[0]);
        CHECK(bringer.outline.unsound() == 1);
        CHECK_FALSE(bringer.outline.trouble());
      }
    }
  }
}
