// Convert: from the two number types of the format to the narrower or wider ones of a column.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema.h"

namespace headrace {

// Write values[0, n) as `type`. The index of the first value out of range (n if there is none);
// integers must be representable, bool must be 0 or 1, finite floats must stay finite.
size_t convert_int64s(const int64_t* values, size_t n, Type type, uint8_t* out);
size_t convert_floats(const float* values, size_t n, Type type, uint8_t* out);

// Reverses the bytes of each of n numbers; complex ones are two numbers.
void swap_bytes(uint8_t* numbers, size_t n, Type type);

}  // namespace headrace
