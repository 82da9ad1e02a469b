// Batches of SequenceExamples as Python gets them.
#include <utility>

#include "bindings/arrays.h"
#include "bindings/columns.h"
#include "bindings/vectors.h"

namespace headrace {
namespace {

namespace py = pybind11;

py::list parts_of(std::vector<SequenceArray>& columns, const Schema& schema) {
  const auto array = [](Buffer& buffer, Type type, size_t n) {
    const void* const data = buffer.data();
    const int64_t shape[] = {static_cast<int64_t>(n)};
    return array_over(owner_of(std::move(buffer)), data, type, shape);
  };
  py::list parts;
  for (size_t i = 0; i < columns.size(); ++i) {
    SequenceArray& column = columns[i];
    const Kind kind = schema.columns()[i].kind;
    py::object values;
    if (kind == Kind::kBytes) {
      const auto* const offsets = reinterpret_cast<const int64_t*>(column.offsets.data());
      const auto size = static_cast<size_t>(offsets[column.count]);
      values = py::make_tuple(array(column.values, Type::kUInt8, size),
                              array(column.offsets, Type::kInt64, column.count + 1));
    } else {
      const Type type = kind == Kind::kInt64 ? Type::kInt64 : Type::kFloat32;
      values = array(column.values, type, column.count);
    }
    const bool dense = column.row_splits.empty();
    parts.append(py::make_tuple(values, array_of(std::move(column.value_splits)),
                                array_of(std::move(dense ? column.rows : column.row_splits))));
  }
  return parts;
}

}  // namespace

py::tuple to_parts(SequenceArrays& arrays, const SequenceSchema& schema) {
  return py::make_tuple(parts_of(arrays.context, *schema.context),
                        parts_of(arrays.lists, *schema.lists), arrays.examples);
}

}  // namespace headrace
