// Columns: batches as what users of the package get.
#pragma once

#include <pybind11/pybind11.h>

#include "batch.h"

namespace headrace {

// The columns of a finished batch, in order; its buffers go to their arrays, which give them back
// to the pool when the last of them dies. A column is
//   numbers, of a fixed number or padded: ndarray
//   strings, of a fixed number or padded: BytesArray
//   any number of them: RaggedArray, or SparseArray where the schema says so
// Throws std::overflow_error for row splits that do not fit into the int32 that the schema wants.
pybind11::tuple to_columns(Batch& batch);

// The same in a dict, under the keys that all batches of a loader share.
class Keys {
 public:
  explicit Keys(pybind11::tuple keys);
  pybind11::dict to_dict(Batch& batch) const;

 private:
  pybind11::tuple keys_;
  pybind11::dict empty_;  // with the keys; to be copied: cheaper than one that grows
};

// The columns of both maps of SequenceExamples, as two lists, and how many there are. A column is
// (values, splits of the values, splits of the rows, or rows), the values of strings being (data,
// offsets).
pybind11::tuple to_parts(SequenceArrays& arrays, const SequenceSchema& schema);

}  // namespace headrace
