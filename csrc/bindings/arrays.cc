#include "bindings/arrays.h"

#include <numpy/arrayobject.h>

#include <array>
#include <utility>

namespace headrace {
namespace {

namespace py = pybind11;

constexpr const char* kCapsule = "headrace.Buffer";
constexpr size_t kMostDimensions = 34;  // of a schema's shape, and two more

// New reference to the dtype; kept for the life of the process.
PyArray_Descr* descriptor(Type type) {
  static constexpr std::array kNumbers = {NPY_BOOL,    NPY_INT8,      NPY_INT16,      NPY_INT32,
                                          NPY_INT64,   NPY_UINT8,     NPY_UINT16,     NPY_UINT32,
                                          NPY_UINT64,  NPY_FLOAT16,   NPY_VOID,       NPY_FLOAT32,
                                          NPY_FLOAT64, NPY_COMPLEX64, NPY_COMPLEX128, NPY_UINT8};
  static std::array<PyArray_Descr*, kNumbers.size()> cache{};
  PyArray_Descr*& entry = cache[static_cast<size_t>(type)];
  if (entry == nullptr) {
    if (type == Type::kBFloat16) {
      const py::object bfloat16 = py::module_::import("ml_dtypes").attr("bfloat16");
      if (!PyArray_DescrConverter(bfloat16.ptr(), &entry)) throw py::error_already_set();
    } else {
      entry = PyArray_DescrFromType(kNumbers[static_cast<size_t>(type)]);
    }
  }
  Py_INCREF(entry);
  return entry;
}

// Owns a buffer on behalf of arrays, from which anybody may start a copy.
py::object capsule_of(Buffer buffer) {
  buffer.lend(true);
  auto owner = std::make_unique<Buffer>(std::move(buffer));
  PyObject* const capsule = PyCapsule_New(owner.get(), kCapsule, [](PyObject* self) {
    delete static_cast<Buffer*>(PyCapsule_GetPointer(self, kCapsule));
  });
  if (capsule == nullptr) throw py::error_already_set();
  owner.release();
  return py::reinterpret_steal<py::object>(capsule);
}

py::object array_over(py::handle owner, const void* data, Type type, int rank,
                      const npy_intp* shape) {
  PyObject* const array =
      PyArray_NewFromDescr(&PyArray_Type, descriptor(type), rank, shape, nullptr,
                           const_cast<void*>(data), NPY_ARRAY_CARRAY, nullptr);
  if (array == nullptr) throw py::error_already_set();
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner.inc_ref().ptr()) < 0) {
    Py_DECREF(array);
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(array);
}

py::object vector_over(py::handle owner, const void* data, Type type, size_t n) {
  const auto size = static_cast<npy_intp>(n);
  return array_over(owner, data, type, 1, &size);
}

// The growing array as an array of n elements that owns its memory.
py::object take(GrowingArray& array, Type type, size_t n) {
  const void* const data = array.memory().data();
  return vector_over(capsule_of(std::move(array.memory())), data, type, n);
}

struct Shape {
  std::array<npy_intp, kMostDimensions> sizes;
  int rank = 0;
  void push(size_t size) { sizes[static_cast<size_t>(rank++)] = static_cast<npy_intp>(size); }
  void push(const std::vector<int64_t>& more) {
    for (const int64_t size : more) push(static_cast<size_t>(size));
  }
};

py::object column_of(Batch& batch, size_t c, py::handle owner) {
  const Column& column = batch.layout().columns()[c];
  const size_t rows = batch.rows();
  const bool strings = column.type == Type::kBytes;
  Shape shape;
  shape.push(rows);
  const auto* const ends = reinterpret_cast<const int64_t*>(batch.fixed(c));

  if (!BatchLayout::grows(column)) {
    shape.push(column.shape);
    return array_over(owner, batch.fixed(c), column.type, shape.rank, shape.sizes.data());
  }
  if (!BatchLayout::has_splits(column)) {
    const size_t n = rows * column.elements;
    return py::make_tuple(take(batch.bytes(c), Type::kUInt8, static_cast<size_t>(ends[n])),
                          vector_over(owner, ends, Type::kInt64, n + 1), rows);
  }
  const size_t longest = batch.longest(c);
  const size_t n = batch.layout().pads(c) ? rows * longest * column.elements : batch.split(c, rows);
  if (strings) {
    const auto* const offsets = reinterpret_cast<const int64_t*>(batch.values(c).memory().data());
    const auto size = static_cast<size_t>(offsets[n]);
    py::object data = take(batch.bytes(c), Type::kUInt8, size);
    py::object values = take(batch.values(c), Type::kInt64, n + 1);
    if (batch.layout().pads(c)) return py::make_tuple(data, values, longest, rows);
    return py::make_tuple(data, values, vector_over(owner, ends, batch.splits_type(c), rows + 1));
  }
  if (batch.layout().pads(c)) {
    shape.push(longest);
    shape.push(column.shape);
    const void* const data = batch.values(c).memory().data();
    return array_over(capsule_of(std::move(batch.values(c).memory())), data, column.type,
                      shape.rank, shape.sizes.data());
  }
  return py::make_tuple(take(batch.values(c), column.type, n),
                        vector_over(owner, ends, batch.splits_type(c), rows + 1));
}

}  // namespace

void import_numpy() {
  if (_import_array() < 0) throw py::error_already_set();
}

Buffer* buffer_of(py::handle array) {
  PyObject* owner = array.ptr();
  while (owner != nullptr && PyArray_Check(owner)) {
    owner = PyArray_BASE(reinterpret_cast<PyArrayObject*>(owner));
  }
  if (owner == nullptr || !PyCapsule_IsValid(owner, kCapsule)) return nullptr;
  return static_cast<Buffer*>(PyCapsule_GetPointer(owner, kCapsule));
}

py::tuple to_arrays(Batch& batch) {
  const BatchLayout& layout = batch.layout();
  std::vector<py::object> owners(layout.arenas().size());  // shared by the arrays of an arena
  py::tuple columns(layout.columns().size());
  for (size_t c = 0; c < layout.columns().size(); ++c) {
    const size_t arena = layout.place(c).arena;
    if (!owners[arena]) owners[arena] = capsule_of(std::move(batch.arena(arena)));
    columns[c] = column_of(batch, c, owners[arena]);
  }
  return columns;
}

}  // namespace headrace
