// StageIterator: an iterator over the elements of a stage of Python's, which takes them from the
// stage's loader itself where they are its batches: three calls of the interpreter's less a batch.
#include <pybind11/pybind11.h>

#include <new>
#include <stdexcept>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/loader_handle.h"

namespace headrace {
namespace {

namespace py = pybind11;

struct StageIterator {
  PyObject_HEAD;
  PyObject* stage;
  PyObject* loader;      // or null: every element is the stage's to make
  LoaderHandle* handle;  // of `loader`
};

StageIterator* of(PyObject* self) { return reinterpret_cast<StageIterator*>(self); }

// What next() is to find in `self`. Either object may go with what it kept alive, and that may come
// back here.
void change(StageIterator* self, PyObject* stage, PyObject* loader, LoaderHandle* handle) {
  PyObject* const before[] = {std::exchange(self->loader, loader),
                              std::exchange(self->stage, stage)};
  self->handle = handle;
  for (PyObject* object : before) Py_XDECREF(object);
}

// Makes an exception of Python's of what is being caught.
void raise_caught() {
  try {
    throw;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::overflow_error& error) {
    PyErr_SetString(PyExc_OverflowError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

PyObject* next(PyObject* self) {
  if (LoaderHandle* const handle = of(self)->handle) {
    const auto loader = py::reinterpret_borrow<py::object>(of(self)->loader);
    try {
      if (py::object batch = handle->next_whole()) return batch.release().ptr();
    } catch (...) {
      raise_caught();
      return nullptr;
    }
  }
  const auto stage = py::reinterpret_borrow<py::object>(of(self)->stage);
  if (!stage) {
    PyErr_SetString(PyExc_RuntimeError, "this iterator has not begun");
    return nullptr;
  }
  return PyIter_Next(stage.ptr());
}

PyObject* run(PyObject* self, PyObject* arguments) {
  PyObject *stage, *loader;
  if (!PyArg_ParseTuple(arguments, "OO", &stage, &loader)) return nullptr;
  const bool none = loader == Py_None;
  if (!PyIter_Check(stage) || !(none || py::isinstance<LoaderHandle>(loader))) {
    PyErr_SetString(PyExc_TypeError, "expected an iterator, and a Loader or None");
    return nullptr;
  }
  auto* const handle = none ? nullptr : py::cast<LoaderHandle*>(py::handle(loader));
  change(of(self), Py_NewRef(stage), handle == nullptr ? nullptr : Py_NewRef(loader), handle);
  Py_RETURN_NONE;
}

PyObject* stage(PyObject* self, void*) {
  PyObject* const stage = of(self)->stage;
  return Py_NewRef(stage == nullptr ? Py_None : stage);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(of(self)->stage);
  Py_VISIT(of(self)->loader);
  return 0;
}

int clear(PyObject* self) {
  change(of(self), nullptr, nullptr, nullptr);
  return 0;
}

void destroy(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear(self);
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace

void register_stage_iterator(py::module_& m) {
  static PyMethodDef methods[] = {{"_run", run, METH_VARARGS, "_run(self, stage, loader)"},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef members[] = {{"_stage", stage, nullptr, "The stage.", nullptr},
                                  {nullptr, nullptr, nullptr, nullptr, nullptr}};
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&destroy)},
                         {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(&clear)},
                         {Py_tp_iter, reinterpret_cast<void*>(&PyObject_SelfIter)},
                         {Py_tp_iternext, reinterpret_cast<void*>(&next)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, members},
                         {0, nullptr}};
  PyType_Spec spec = {"headrace._core.StageIterator", sizeof(StageIterator), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  m.attr("StageIterator") = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
}

}  // namespace headrace
