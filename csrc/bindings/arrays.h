// Arrays: batches as NumPy arrays over the same memory.
#pragma once

#include <pybind11/pybind11.h>

#include "batch.h"

namespace headrace {

// Loads NumPy's C API. Once, when the module is imported.
void import_numpy();

// The columns of a finished batch, in order; its buffers go to the arrays, which give them back to
// the pool when the last of them dies. A column is
//   fixed numbers, padded sequences of numbers: ndarray
//   growing numbers: (values, row splits)
//   strings of fixed number: (data, offsets);  of any number: (data, offsets, row splits)
//   padded sequences of strings: (data, offsets, longest)
pybind11::tuple to_arrays(Batch& batch);

// The buffer that an array of to_arrays(), or a view of one, looks at; null for other objects.
Buffer* buffer_of(pybind11::handle array);

}  // namespace headrace
