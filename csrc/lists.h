// Lists: the bodies of BytesList, FloatList and Int64List as they stand in a record, where they are
// not one packed field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.h"

namespace headrace {

// Append what a list of n bytes has. False if it has anything but fields 1 of its own kind (and of
// numbers, unpacked ones): what was appended then means nothing. kSlop bytes behind it are
// readable.
bool append_strings(const uint8_t* list, size_t n, std::vector<ByteView>& strings);
bool append_unpacked(const uint8_t* list, size_t n, std::vector<float>& values);
bool append_unpacked(const uint8_t* list, size_t n, std::vector<int64_t>& values);

}  // namespace headrace
