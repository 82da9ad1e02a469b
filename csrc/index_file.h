// An index as a file.
//
// Little-endian, one after another:
//   "hr index"     8 bytes
//   version        u64; any other than kIndexVersion is refused
//   size           u64; of the whole file
//   policy         u64
//   damage         3 u64: places, bytes, files
//   files          u64, and for each of them
//     path         u64 bytes; absolute
//     size, mtime  2 u64; of the file, mtime in ns since 1970
//     count, bits  2 u64; see Extents::Parts
//     groups       u64 times 3 u64: offset, least, numbers
//     firsts       u64 times u64
//     more         u64 bytes
//   checksum       u32; the CRC-32C of all bytes before
#pragma once

#include <memory>
#include <string>

#include "index.h"

namespace headrace {

inline constexpr uint64_t kIndexVersion = 1;

// Replaces the file in one step, so that others see the one before or this one, whole, also when
// many write at once. Throws Error{kSystem} and then leaves nothing behind.
void write_index(const Index& index, const std::string& path);

// Reads and verifies all of it. Throws Error: kSystem; kTruncated or kCorrupted for what is no
// whole index of this version.
std::shared_ptr<const Index> read_index(const std::string& path);

}  // namespace headrace
