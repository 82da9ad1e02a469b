// Scan: the good records of a file, piece by piece, under a policy for the bad ones.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bytes.h"
#include "error.h"
#include "record.h"
#include "source.h"

namespace headrace {

enum class OnCorruption : uint8_t {
  kRaise,     // an error, and nothing after it
  kSkip,      // the dataset is its good records: go on at the next one that is provably whole
  kStopFile,  // the dataset is what stands before the damage: go on with the next file
  kTf,        // as TensorFlow: an error, then the next file; a torn header is the end of a file
};

// What a policy has passed over.
struct Damage {
  uint64_t places = 0;  // where records were corrupted or torn
  uint64_t bytes = 0;   // that were not delivered because of it
  uint64_t files = 0;   // not read to their end
};

struct Scan {
  uint64_t next = 0;           // where the next record may begin; the file's size at its end
  std::optional<Error> error;  // met at `next`; of bad data only under kRaise and kTf
};

// Appends to `records` the records that start in [offset, limit) of the file; `ordinal` is that of
// the first. Lengths are verified. What the system cannot read is an error under all policies.
// Under kSkip and kStopFile all records are whole and, if `verify` says so, match their checksums,
// for what is good decides what counts; under the others the last one may end behind the piece and
// no data is checked yet. Views in `records` point into the piece and are mended when it moves.
// `walk`: walk_records or, under kRaise, walk_headers or walk_ends.
Scan scan_records(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  uint64_t ordinal, OnCorruption policy, bool verify,
                  std::vector<ByteView>& records, Damage& damage, Walker walk = walk_records);

}  // namespace headrace
