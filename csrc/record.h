// Record: TFRecord framing. Removes the unknown "where does a record end".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"
#include "error.h"
#include "source.h"

namespace headrace {

// length (8 bytes), masked crc of the length (4), data (length), masked crc of the data (4)
inline constexpr uint64_t kHeaderSize = 12;
inline constexpr uint64_t kFooterSize = 4;

// A record of at least this size is never held whole; its length cannot be meant.
inline constexpr uint64_t kLargestLength = uint64_t{1} << 40;

// How a walk over records ends.
enum class Stop : uint8_t {
  kLimit,       // the next record starts at or behind the limit
  kEnd,         // the file ends where a record ends
  kTornHeader,  // 1 to 11 bytes are left
  kTornRecord,  // a good header, but the file ends inside the record
  kUnread,      // the system could not read the header
  kBadLength,   // the length's checksum fails
  kHugeLength,  // the length's checksum is right, but the length cannot be
  kBadData,     // the data's checksum fails
};

struct Walk {
  uint64_t next = 0;  // file offset of the record that is not part of the walk
  Stop stop = Stop::kLimit;
};

// Appends to `records` the payloads of the records that start in [offset, limit), in order, with
// every length verified against its checksum and the size of the file. The last payload may end
// behind the piece: complete() fetches the rest. `piece` is extended where a header needs it, and
// all views in `records`, which point into it, follow.
Walk walk_records(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  std::vector<ByteView>& records);

using Walker = Walk (*)(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                        std::vector<ByteView>& records);

// The same for records so large that it pays to read nothing but their headers: the piece, whatever
// it holds, then begins at `offset` and holds no bytes until complete() fetches the records. If
// they turn out to be small, the rest is walked as above.
Walk walk_headers(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  std::vector<ByteView>& records);

// The same, but the first and last kEndSize bytes of all data are read as well, to where they
// belong in the memory of the piece.
inline constexpr uint64_t kEndSize = 1024;
Walk walk_ends(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
               std::vector<ByteView>& records);

// Fetches what is missing, from the first record to the end of the last, and mends the views, which
// point into the piece. False if not all could be read: torn_error() says why.
bool complete(const Source& source, Piece& piece, std::vector<ByteView>& records);

// The error that a stop other than kLimit, kEnd and kBadData means; `record` is the ordinal of the
// record at `walk.next`. Says what the file looks like when its first record is already wrong.
Error framing_error(const Source& source, const Walk& walk, int64_t record);

// The error of a record whose data does not match its checksum.
Error checksum_error(const std::string& path, int64_t record, int64_t offset, ByteView data);

// The error of a record that ends behind the piece, though all of it was asked for: the system's,
// or that the file has become shorter.
Error torn_error(const Source& source, const Piece& piece, int64_t record, int64_t offset);

// The error of a record that is not as it was when its length was read.
Error changed_error(const std::string& path, int64_t record, int64_t offset, const char* found);

}  // namespace headrace
