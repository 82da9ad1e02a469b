#include "bindings/columns.h"

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/arrays.h"

namespace headrace {
namespace {

namespace py = pybind11;

constexpr size_t kMostDimensions = 34;  // of a schema's shape, and two more

// One of a class's __slots__, set without going through the interpreter.
class Slot {
 public:
  Slot(py::handle type, const char* name) : member_(type.attr(name)) {}
  void set(py::handle object, py::handle value) const {
    const descrsetfunc set = Py_TYPE(member_.ptr())->tp_descr_set;
    if (set(member_.ptr(), object.ptr(), value.ptr()) < 0) throw py::error_already_set();
  }

 private:
  py::object member_;
};

py::object instance_of(py::handle type) {
  auto* const python_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  PyObject* const object = python_type->tp_alloc(python_type, 0);
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

// Makes what the _of() functions of the classes in headrace.arrays make.
class Classes {
 public:
  // Kept for the life of the process.
  static const Classes& get() {
    static const Classes* classes = nullptr;
    if (classes == nullptr) classes = new Classes(py::module_::import("headrace.arrays"));
    return *classes;
  }

  py::object strings(py::handle data, py::handle offsets, py::handle shape) const {
    py::object array = instance_of(bytes_);
    bytes_data_.set(array, data);
    bytes_offsets_.set(array, offsets);
    bytes_shape_.set(array, shape);
    return array;
  }

  py::object ragged(py::handle values, py::handle row_splits) const {
    py::object array = instance_of(ragged_);
    ragged_values_.set(array, values);
    ragged_splits_.set(array, row_splits);
    ragged_uniform_.set(array, py::none());
    return array;
  }

  py::object sparse(py::handle values, py::handle row_splits) const {
    py::object array = instance_of(sparse_);
    sparse_values_.set(array, values);
    sparse_splits_.set(array, row_splits);
    sparse_indices_.set(array, py::none());
    sparse_shape_.set(array, py::none());
    return array;
  }

 private:
  explicit Classes(const py::module_& arrays)
      : bytes_(arrays.attr("BytesArray")),
        bytes_data_(bytes_, "_data"),
        bytes_offsets_(bytes_, "_offsets"),
        bytes_shape_(bytes_, "_shape"),
        ragged_(arrays.attr("RaggedArray")),
        ragged_values_(ragged_, "_values"),
        ragged_splits_(ragged_, "_row_splits"),
        ragged_uniform_(ragged_, "_uniform_row_length"),
        sparse_(arrays.attr("SparseArray")),
        sparse_values_(sparse_, "_values"),
        sparse_splits_(sparse_, "_row_splits"),
        sparse_indices_(sparse_, "_indices"),
        sparse_shape_(sparse_, "_dense_shape") {}

  py::object bytes_;
  Slot bytes_data_, bytes_offsets_, bytes_shape_;
  py::object ragged_;
  Slot ragged_values_, ragged_splits_, ragged_uniform_;
  py::object sparse_;
  Slot sparse_values_, sparse_splits_, sparse_indices_, sparse_shape_;
};

struct Shape {
  std::array<int64_t, kMostDimensions> sizes;
  size_t rank = 0;
  void push(size_t size) { sizes[rank++] = static_cast<int64_t>(size); }
  void push(const std::vector<int64_t>& more) {
    for (const int64_t size : more) sizes[rank++] = size;
  }
  operator std::span<const int64_t>() const { return {sizes.data(), rank}; }
  py::tuple tuple() const {
    py::tuple result(rank);
    for (size_t i = 0; i < rank; ++i) result[i] = sizes[i];
    return result;
  }
};

py::object vector_over(py::handle owner, const void* data, Type type, size_t n) {
  const std::array shape{static_cast<int64_t>(n)};
  return array_over(owner, data, type, shape);
}

// The growing array as an array of this shape that owns its memory.
py::object take(GrowingArray& array, Type type, std::span<const int64_t> shape) {
  const void* const data = array.memory().data();
  return array_over(owner_of(std::move(array.memory())), data, type, shape);
}

py::object take(GrowingArray& array, Type type, size_t n) {
  const std::array shape{static_cast<int64_t>(n)};
  return take(array, type, shape);
}

[[noreturn]] void refuse_splits(size_t values) {
  throw std::overflow_error("a batch of " + std::to_string(values) +
                            " values has row splits that do not fit int32: use RaggedFeature(..., "
                            "row_splits_dtype=np.int64) or smaller batches");
}

py::object column_of(Batch& batch, size_t c, py::handle owner) {
  const BatchLayout& layout = batch.layout();
  const Column& column = layout.columns()[c];
  const size_t rows = batch.rows();
  Shape shape;
  shape.push(rows);
  if (!BatchLayout::grows(column)) {
    shape.push(column.shape);
    return array_over(owner, batch.fixed(c), column.type, shape);
  }

  const bool splits = BatchLayout::has_splits(column), padded = layout.pads(c);
  size_t n;  // values
  if (padded || !splits) {
    if (padded) shape.push(batch.longest(c));
    shape.push(column.shape);
    n = rows * column.elements * (padded ? batch.longest(c) : 1);
  } else {
    n = batch.split(c, rows);
    shape.sizes[0] = static_cast<int64_t>(n);
  }

  py::object values;
  if (column.type == Type::kBytes) {
    const void* const offsets = splits ? batch.values(c).memory().data() : batch.fixed(c);
    const auto size = static_cast<size_t>(static_cast<const int64_t*>(offsets)[n]);
    values = Classes::get().strings(take(batch.bytes(c), Type::kUInt8, size),
                                    splits ? take(batch.values(c), Type::kInt64, n + 1)
                                           : vector_over(owner, offsets, Type::kInt64, n + 1),
                                    shape.tuple());
  } else {
    values = take(batch.values(c), column.type, shape);
  }
  if (padded || !splits) return values;

  const bool wide = column.splits == Type::kInt32 && batch.splits_type(c) != Type::kInt32;
  if (wide && layout.pads()) refuse_splits(n);  // single examples show no row splits
  const py::object row_splits = vector_over(owner, batch.fixed(c), batch.splits_type(c), rows + 1);
  return column.sparse ? Classes::get().sparse(values, row_splits)
                       : Classes::get().ragged(values, row_splits);
}

// put(c, column) for each.
template <class Put>
void for_each_column(Batch& batch, Put put) {
  const BatchLayout& layout = batch.layout();
  std::vector<py::object> owners(layout.arenas().size());  // shared by the arrays of an arena
  for (size_t c = 0; c < layout.columns().size(); ++c) {
    const size_t arena = layout.place(c).arena;
    if (!owners[arena]) owners[arena] = owner_of(std::move(batch.arena(arena)));
    put(c, column_of(batch, c, owners[arena]));
  }
}

}  // namespace

py::tuple to_columns(Batch& batch) {
  py::tuple columns(batch.layout().columns().size());
  for_each_column(batch, [&](size_t c, py::object column) {
    PyTuple_SET_ITEM(columns.ptr(), static_cast<py::ssize_t>(c), column.release().ptr());
  });
  return columns;
}

Keys::Keys(py::tuple keys) : keys_(std::move(keys)) {
  for (const py::handle key : keys_) empty_[key] = py::none();
}

py::dict Keys::to_dict(Batch& batch) const {
  auto columns = py::reinterpret_steal<py::dict>(PyDict_Copy(empty_.ptr()));
  if (!columns) throw py::error_already_set();
  for_each_column(batch, [&](size_t c, const py::object& column) {
    PyObject* const key = PyTuple_GetItem(keys_.ptr(), static_cast<py::ssize_t>(c));
    if (key == nullptr || PyDict_SetItem(columns.ptr(), key, column.ptr()) < 0) {
      throw py::error_already_set();
    }
  });
  return columns;
}

}  // namespace headrace
