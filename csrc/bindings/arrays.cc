#include "bindings/arrays.h"

#include <numpy/arrayobject.h>

#include <array>
#include <new>
#include <utility>

namespace headrace {
namespace {

namespace py = pybind11;

static_assert(sizeof(npy_intp) == sizeof(int64_t));

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

// The Python object that owns a buffer.
struct Owner {
  PyObject_HEAD;
  Buffer buffer;

  static void destroy(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    reinterpret_cast<Owner*>(self)->buffer.~Buffer();
    PyObject_Free(self);
    Py_DECREF(type);
  }
};

PyTypeObject* owner_type = nullptr;  // made once, and never destroyed

}  // namespace

void import_numpy() {
  if (_import_array() < 0) throw py::error_already_set();
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&Owner::destroy)}, {0, nullptr}};
  PyType_Spec spec = {"headrace._core.Buffer", sizeof(Owner), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  owner_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (owner_type == nullptr) throw py::error_already_set();
}

py::object owner_of(Buffer buffer) {
  Owner* const owner = PyObject_New(Owner, owner_type);
  if (owner == nullptr) throw py::error_already_set();
  new (&owner->buffer) Buffer(std::move(buffer));
  owner->buffer.lend(true);
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(owner));
}

py::object array_over(py::handle owner, const void* data, Type type,
                      std::span<const int64_t> shape) {
  PyObject* const array =
      PyArray_NewFromDescr(&PyArray_Type, descriptor(type), static_cast<int>(shape.size()),
                           reinterpret_cast<const npy_intp*>(shape.data()), nullptr,
                           const_cast<void*>(data), NPY_ARRAY_CARRAY, nullptr);
  if (array == nullptr) throw py::error_already_set();
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner.inc_ref().ptr()) < 0) {
    Py_DECREF(array);
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(array);
}

Buffer* buffer_of(py::handle array) {
  PyObject* owner = array.ptr();
  while (owner != nullptr && PyArray_Check(owner)) {
    owner = PyArray_BASE(reinterpret_cast<PyArrayObject*>(owner));
  }
  if (owner == nullptr || Py_TYPE(owner) != owner_type) return nullptr;
  return &reinterpret_cast<Owner*>(owner)->buffer;
}

}  // namespace headrace
