// What the targets parse with: the first byte of an input chooses the schema for the rest.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "agreement.h"
#include "schema.h"
#include "sequence.h"

namespace headrace::testing {

inline std::vector<std::shared_ptr<const Schema>> example_schemas() {
  std::vector<std::shared_ptr<const Schema>> all = {lenient_schema(), strict_schema()};
  for (size_t c = 0; c < all_columns().size(); ++c) all.push_back(single_schema(c));
  return all;
}

// `strict`: what is missing has no default.
inline SequenceSchema sequence_schemas(bool strict) {
  using enum Kind;
  using enum Layout;
  std::vector<Column> context = {
      column("a", kInt64, kFixed),      column("b", kFloat, kFixed, {2}),
      column("c", kBytes, kFixed),      column("d", kInt64, kRagged),
      column("e", kFloat, kRagged),     column("f", kBytes, kRagged),
      column("g", kBytes, kFixed, {2}),
  };
  std::vector<Column> lists = {
      column("a", kInt64, kSequence),      column("b", kFloat, kSequence, {2}),
      column("c", kBytes, kSequence),      column("d", kInt64, kRagged),
      column("e", kFloat, kRagged),        column("f", kBytes, kRagged),
      column("g", kBytes, kSequence, {2}),
  };
  for (auto* columns : {&context, &lists}) {
    for (Column& column : *columns) {
      if (!strict && column.layout != kRagged) column = with_default(column);
    }
  }
  return {std::make_shared<Schema>(context), std::make_shared<Schema>(lists)};
}

inline std::array<SequenceSchema, 2> sequence_schemas() {
  return {sequence_schemas(true), sequence_schemas(false)};
}

}  // namespace headrace::testing
