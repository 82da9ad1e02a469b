// Arrays: memory of batches as NumPy arrays.
#pragma once

#include <pybind11/pybind11.h>

#include <span>

#include "buffer.h"
#include "schema.h"

namespace headrace {

// Loads NumPy's C API. Once, when the module is imported.
void import_numpy();

// An owner of the buffer on behalf of arrays: the last of them gives it back to the pool.
pybind11::object owner_of(Buffer buffer);

// An array over memory of the owner's: C-contiguous, writable.
pybind11::object array_over(pybind11::handle owner, const void* data, Type type,
                            std::span<const int64_t> shape);

// The buffer that an array of array_over(), or a view of one, looks at; null for other objects.
Buffer* buffer_of(pybind11::handle array);

}  // namespace headrace
