#include "bindings/columns.h"

#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"

namespace headrace {
namespace {

namespace py = pybind11;

constexpr size_t kMostDimensions = 34;  // of a schema's shape, and two more

// A class of Python's with __slots__. Its instances are made without going through the interpreter.
class SlotsClass {
 public:
  SlotsClass(py::object type, std::initializer_list<const char*> slots) : type_(std::move(type)) {
    for (const char* slot : slots) slots_.push_back(type_.attr(slot));
  }

  // One value a slot, in order.
  py::object make(std::initializer_list<py::handle> values) const {
    auto* const type = reinterpret_cast<PyTypeObject*>(type_.ptr());
    const auto object = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!object) throw py::error_already_set();
    for (size_t i = 0; i < slots_.size(); ++i) {
      const descrsetfunc set = Py_TYPE(slots_[i].ptr())->tp_descr_set;
      if (set(slots_[i].ptr(), object.ptr(), values.begin()[i].ptr()) < 0) {
        throw py::error_already_set();
      }
    }
    return object;
  }

 private:
  py::object type_;
  std::vector<py::object> slots_;
};

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
    return bytes_.make({data, offsets, shape});
  }
  py::object ragged(py::handle values, py::handle row_splits) const {
    return ragged_.make({values, row_splits, py::none()});
  }
  py::object sparse(py::handle values, py::handle row_splits) const {
    return sparse_.make({values, row_splits, py::none(), py::none()});
  }

 private:
  explicit Classes(const py::module_& arrays)
      : bytes_(arrays.attr("BytesArray"), {"_data", "_offsets", "_shape"}),
        ragged_(arrays.attr("RaggedArray"), {"_values", "_row_splits", "_uniform_row_length"}),
        sparse_(arrays.attr("SparseArray"),
                {"_values", "_row_splits", "_indices", "_dense_shape"}) {}

  SlotsClass bytes_, ragged_, sparse_;
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
