// The Feature as it stands in SequenceExamples, read or only counted.
#pragma once

#include <cstdint>

#include "schema.h"
#include "sequence.h"
#include "wire.h"

namespace headrace {

// The number of values of a Feature that cannot be read.
inline constexpr int64_t kMalformed = -1;

// Reads the Feature at the cursor, of which only its list is consumed: what follows stays. Returns
// its number of values, and appends them to `out`; null: they are only counted, and then a bytes
// value that overruns its list is one more, as it is for TensorFlow.
int64_t read_feature(WireCursor& cursor, Kind kind, SequenceColumn* out);

// How a row of a FeatureList is: its Feature may be malformed, or the bytes around it.
enum class RowState : uint8_t { kGood, kMalformed, kUnframed };

// Reads the next row with its number of values. What follows its list is taken as the next row.
RowState read_row(WireCursor& cursor, Kind kind, SequenceColumn* out, int64_t* count);

}  // namespace headrace
