// Whether the inputs of seeds.py are what their names say: seeds_fit FOLDER. Fuzzing that starts
// from inputs which are all refused at once would look like fuzzing, and find nothing.
//
//   fast_*    canonical: the fast parser takes them
//   valid_*   parsed without an error
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "cells.h"
#include "outcome.h"
#include "schemas.h"
#include "sequence_arrays.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

// What keeps a record from being taken by the fast parser, or from being parsed; empty if nothing.
std::string example_trouble(const std::string& input, bool fast) {
  static const auto kSchemas = example_schemas();
  const auto& schema = kSchemas[static_cast<uint8_t>(input[0]) % kSchemas.size()];
  const std::string padded = input.substr(1) + std::string(kSlop, '\0');
  const ByteView record{reinterpret_cast<const uint8_t*>(padded.data()), input.size() - 1};
  for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
    Cells cells(schema, mode);
    const Cells::RowOf row_of = [](size_t) { return ExactParser::Row{}; };
    cells.locate({&record, 1}, row_of);
    cells.measure();
    if (!cells.errors().empty()) return cells.errors()[0].error.text;
    if (fast && cells.slow_records() != 0) return "not canonical";
  }
  return "";
}

std::string sequence_trouble(const std::string& input) {
  static const auto kSchemas = sequence_schemas();
  const SequenceSchema& schema = kSchemas[static_cast<uint8_t>(input[0]) % kSchemas.size()];
  const Record record(input.substr(1));
  const ByteView view = record.view();
  SequenceBatch batch;
  ParseError error;
  if (!parse_sequences_exactly({&view, 1}, {}, schema, batch, error)) return error.text;
  SequenceArrays arrays;
  return gather_sequences({&view, 1}, schema, arrays) ? "" : "not canonical";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) expect_agreement("usage: seeds_fit FOLDER");
  for (const std::string target : {"example", "sequence"}) {
    size_t fast = 0, valid = 0;
    std::set<size_t> schemas;
    for (const auto& file : std::filesystem::directory_iterator(argv[1] + ("/" + target))) {
      const std::string name = file.path().filename();
      const bool is_fast = name.starts_with("fast_"), is_valid = name.starts_with("valid_");
      if (!is_fast && !is_valid) continue;
      std::ifstream stream(file.path(), std::ios::binary);
      const std::string input{std::istreambuf_iterator<char>(stream), {}};
      const std::string trouble =
          target == "example" ? example_trouble(input, is_fast) : sequence_trouble(input);
      expect_agreement(trouble.empty() ? "" : target + "/" + name + ": " + trouble);
      (is_fast ? fast : valid)++;
      schemas.insert(static_cast<uint8_t>(input[0]));
    }
    const size_t expected =
        target == "example" ? example_schemas().size() : sequence_schemas().size();
    expect_agreement(schemas.size() == expected ? "" : target + ": schemas without a seed");
    std::printf("%s: %zu fast seeds, %zu other valid ones, %zu schemas\n", target.c_str(), fast,
                valid, schemas.size());
  }
}
